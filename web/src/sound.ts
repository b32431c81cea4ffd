// The sound of alerts, made here: no file to load. A browser plays none before the person has touched the page.

let context: AudioContext | undefined;
let cancel: (() => void) | undefined;

function tone(at: number, frequency: number, seconds: number, gain: number): void {
  if (context === undefined) return;
  const oscillator = context.createOscillator();
  const volume = context.createGain();
  oscillator.type = "square";
  oscillator.frequency.value = frequency;
  volume.gain.setValueAtTime(gain, at);
  volume.gain.setTargetAtTime(0, at + seconds * 0.8, 0.02);
  oscillator.connect(volume).connect(context.destination);
  oscillator.start(at);
  oscillator.stop(at + seconds);
}

/** The device's sound, where it has one; a device that refuses it still shows the alert. */
function ready(): AudioContext | undefined {
  try {
    context ??= new AudioContext();
    if (context.state === "suspended") void context.resume().catch(() => {});
    return context;
  } catch {
    return undefined;
  }
}

let mayShake = true;

/** Whether the person lets this device vibrate. */
export function allowShaking(isAllowed: boolean): void {
  mayShake = isAllowed;
}

function shake(pattern: number | number[]): void {
  if (!mayShake && pattern !== 0) return;
  // Nor does it shake before that; to ask for it would be noted as a fault of the page.
  if (navigator.userActivation?.hasBeenActive === false) return;
  try {
    navigator.vibrate?.(pattern);
  } catch {
    // It is one more way to tell, and never the only one.
  }
}

/** A short one for a message that passes or stays. */
export function chime(): void {
  const audio = ready();
  if (audio?.state !== "running") return;
  tone(audio.currentTime, 880, 0.12, 0.05);
  tone(audio.currentTime + 0.14, 1175, 0.16, 0.05);
}

function round(): void {
  const audio = ready();
  if (audio?.state === "running") {
    for (const step of [0, 0.35, 0.7]) tone(audio.currentTime + step, step === 0.35 ? 740 : 988, 0.28, 0.25);
  }
  shake([500, 150, 500, 150, 500]);
}

/** The sound of an emergency, once: for the person to say whether it was heard. The press for it lets the page sound. */
export function trySound(): void {
  const audio = ready();
  if (audio === undefined) return;
  // A suspended one runs a moment after the press that resumes it.
  void audio.resume().then(round, () => {});
}

/** Sounds and shakes until it is told to stop. */
export function alarm(isOn: boolean): void {
  if (isOn === (cancel !== undefined)) return;
  if (!isOn) {
    cancel?.();
    cancel = undefined;
    shake(0);
    return;
  }
  round();
  const timer = setInterval(round, 2_500);
  cancel = () => clearInterval(timer);
}

/** Whether the browser lets this page sound now. */
export function canSound(): boolean {
  return ready()?.state === "running";
}
