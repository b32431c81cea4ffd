// What is asked before something ends.

export interface Question {
  title: string;
  /** What will go, and what stays. */
  text: string;
  button: string;
  go: () => Promise<void>;
  /** What comes of it on the screen, and takes the focus; else that goes back to where it was. */
  onward?: (() => void) | undefined;
}
