// Where somebody is: what an SOS says in words, in each language, is found again as numbers.

import { expect, test } from "vitest";
import { placeIn } from "../src/core/place.ts";
import * as de from "../src/messages/de.ts";
import * as en from "../src/messages/en.ts";

test("the position of an SOS is found in each language, with how exact and how old it was", () => {
  for (const { t } of [en, de])
    for (const seconds of [8, 600, 4_000]) {
      const age = t.age(seconds);
      const text = t.sos.text("14:41:07", t.sos.where("51.50000", "-0.12500", 12, age));
      expect(placeIn(text)).toEqual({
        latitude: "51.50000",
        longitude: "-0.12500",
        metres: "12",
        age,
        link: "geo:51.50000,-0.12500;u=12",
      });
    }
});

test("an SOS without a position names none, nor does what is no SOS or no place on the earth", () => {
  for (const { t } of [en, de]) expect(placeIn(t.sos.text("14:41:07", t.sos.noPosition))).toBeUndefined();
  expect(placeIn("Pole at 51.50000, -0.12500")).toBeUndefined();
  expect(placeIn("SOS. Position: 91.00000, -0.12500.")).toBeUndefined();
  expect(placeIn("SOS. Position: 51.50000, -0.12500.")).toEqual({
    latitude: "51.50000",
    longitude: "-0.12500",
    link: "geo:51.50000,-0.12500",
  });
});
