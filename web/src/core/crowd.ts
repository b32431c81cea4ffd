// The people of a desk in the order in which it shows them: who cannot be reached first. Pure.

export interface Someone {
  userId: string;
  name: string;
  onDuty?: boolean | null;
  by?: "app" | "push" | null;
  lastContactAt?: string | null;
}

export type Way = "none" | "app" | "push";
export type Standing<P> =
  | { kind: "band"; key: string; way: Way; count: number }
  | { kind: "person"; key: string; person: P };

const WAYS: Way[] = ["none", "app", "push"];

/** Bands of people by the way in which they are reached now; in each, who was heard of last on top. */
export function bandsOf<P extends Someone>(
  people: P[],
  crews: Map<string, string>,
  query: string,
  isOnDutyOnly: boolean,
) {
  const wanted = query.trim().toLowerCase();
  const fits = (person: P) =>
    (!isOnDutyOnly || person.onDuty === true) &&
    (wanted === "" ||
      person.name.toLowerCase().includes(wanted) ||
      person.userId.toLowerCase().includes(wanted) ||
      (crews.get(person.userId) ?? "").toLowerCase().includes(wanted));
  const by = new Map<Way, P[]>(WAYS.map((way) => [way, []]));
  for (const person of people) if (fits(person)) by.get(person.by ?? "none")?.push(person);
  const rows: Standing<P>[] = [];
  for (const way of WAYS) {
    const those = by.get(way) ?? [];
    if (those.length === 0) continue;
    // Those who are there have all been heard of now: by name.
    those.sort((a, b) => (way === "app" ? 0 : later(a, b)) || (a.name < b.name ? -1 : 1));
    rows.push({ kind: "band", key: way, way, count: those.length });
    for (const person of those) rows.push({ kind: "person", key: person.userId, person });
  }
  return rows;
}

function later(a: Someone, b: Someone): number {
  const [one, other] = [a.lastContactAt ?? "", b.lastContactAt ?? ""];
  return one < other ? 1 : one > other ? -1 : 0;
}
