// Where somebody is, as the text of an SOS says it: it is words on the wire, so that whoever reads them needs nothing else.
// The numbers are the same in each language, and found by their form. Pure.

export interface Place {
  latitude: string;
  longitude: string;
  /** To how many metres. */
  metres?: string;
  /** How old the position was when the SOS was raised, as ages are written. */
  age?: string;
  /** For whatever shows maps on this device: RFC 5870. */
  link: string;
}

const FORM =
  /(?<latitude>-?\d{1,2}\.\d{5}), (?<longitude>-?\d{1,3}\.\d{5})(?:,\D{1,12}(?<metres>\d{1,8}) m\b)?(?:,\D{1,12}(?<age>\d+:\d\d|\d+ h \d+ min|\d+ min))?/;

/** The place that an SOS names. What is no SOS may hold any numbers. */
export function placeIn(text: string): Place | undefined {
  if (!text.startsWith("SOS")) return undefined;
  const found = FORM.exec(text)?.groups;
  const { latitude, longitude, metres, age } = found ?? {};
  if (latitude === undefined || longitude === undefined) return undefined;
  if (Math.abs(Number(latitude)) > 90 || Math.abs(Number(longitude)) > 180) return undefined;
  return {
    latitude,
    longitude,
    ...(metres === undefined ? {} : { metres }),
    ...(age === undefined ? {} : { age }),
    link: `geo:${latitude},${longitude}${metres === undefined ? "" : `;u=${metres}`}`,
  };
}
