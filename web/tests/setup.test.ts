import { expect, test } from "vitest";
import {
  type CheckName,
  checksOf,
  type Facts,
  isAllProven,
  isAsleep,
  offsetOf,
  offsetParts,
} from "../src/core/setup.ts";
import { t } from "../src/messages/en.ts";

const push = { publicKey: "K", subscription: { endpointHost: "push.example", createdAt: "2026-11-23T03:00:00Z" } };
const fresh: Facts = {
  isSecure: true,
  hasWorker: true,
  permission: "default",
  sound: undefined,
  isInstalled: false,
  install: "button",
  hasPush: true,
  wantsPush: false,
  push: { ...push, subscription: null },
  pushFault: undefined,
  isTesting: false,
  clockOffset: 400,
};
const proven: Facts = {
  ...fresh,
  permission: "granted",
  sound: Date.parse("2026-11-23T03:00:00Z"),
  isInstalled: true,
  wantsPush: true,
  push: { ...push, subscription: { ...push.subscription, provenAt: "2026-11-23T03:04:00Z" } },
};
const find = (facts: Facts, name: CheckName) => checksOf(facts).find((check) => check.name === name);

test("a new device has everything to do but what needs nobody, and what is to do stands on top", () => {
  const checks = checksOf(fresh);
  expect(checks.map(({ name, state }) => `${name} ${state}`)).toEqual([
    "notifications todo",
    "sound todo",
    "push todo",
    "installed todo",
    "connection proven",
    "clock proven",
  ]);
  expect(isAllProven(checks)).toBe(false);
  expect(isAllProven(checksOf(proven))).toBe(true);
  expect(checksOf({ ...proven, sound: "silent" }).map(({ name }) => name)[0]).toBe("sound");
});

test("what a device cannot do is said with its reason, and is no work left undone", () => {
  const insecure = checksOf({ ...fresh, isSecure: false, hasWorker: false, hasPush: false, permission: undefined });
  expect(insecure.filter(({ state }) => state === "cannot").map(({ name }) => name)).toEqual([
    "notifications",
    "push",
    "installed",
    "connection",
  ]);
  expect(find({ ...fresh, push: { publicKey: null, subscription: null } }, "push")).toMatchObject({
    state: "cannot",
    says: "off",
  });
  expect(find({ ...fresh, hasPush: false }, "push")).toMatchObject({ state: "cannot", says: "none" });
  expect(find({ ...fresh, hasPush: false, install: "iphone" }, "push")).toMatchObject({
    state: "cannot",
    says: "iphone",
  });
  expect(isAllProven(checksOf({ ...proven, push: { publicKey: null, subscription: null } }))).toBe(true);
});

test("push is proven only by a test that came back, and not while the server cannot reach the device", () => {
  expect(find({ ...fresh, push: undefined }, "push")).toBeUndefined();
  expect(find(fresh, "push")?.says).toBe("permission");
  expect(find({ ...fresh, permission: "granted" }, "push")?.says).toBe("start");
  const subscribed = { ...proven, push };
  expect(find(subscribed, "push")).toMatchObject({ state: "todo", says: "unproven" });
  expect(find({ ...subscribed, isTesting: true }, "push")).toMatchObject({ state: "todo", says: "testing" });
  expect(find({ ...proven, wantsPush: false }, "push")).toMatchObject({ state: "todo", says: "start" });
  const unreached = { ...push.subscription, provenAt: "2026-11-23T03:04:00Z", lastError: "no route to push.example" };
  expect(find({ ...proven, push: { ...push, subscription: unreached } }, "push")).toMatchObject({
    state: "todo",
    says: "unreached",
    detail: "no route to push.example",
  });
  expect(find({ ...proven, pushFault: "no push service" }, "push")).toMatchObject({
    state: "todo",
    detail: "no push service",
  });
});

test("a device that nobody can wake is told so, whether it cannot be had here or there is no way to it", () => {
  const asleep = (more: Partial<Facts>) => isAsleep(checksOf({ ...proven, ...more }));
  expect([asleep({}), asleep({ push }), asleep({ push: undefined }), asleep({ permission: "default" })]).not.toContain(
    true,
  );
  expect(asleep({ push: { publicKey: null, subscription: null } })).toBe(true);
  expect(asleep({ isSecure: false })).toBe(true);
  expect(asleep({ pushFault: "no push service" })).toBe(true);
  expect(asleep({ push: { ...push, subscription: { ...push.subscription, lastError: "no route" } } })).toBe(true);
});

test("a clock that is more than half a minute wrong is told", () => {
  expect(find({ ...fresh, clockOffset: undefined }, "clock")).toBeUndefined();
  expect(find({ ...fresh, clockOffset: -29_000 }, "clock")?.state).toBe("proven");
  expect(find({ ...fresh, clockOffset: -31_000 }, "clock")?.state).toBe("todo");
  const date = "Mon, 23 Nov 2026 03:00:00 GMT";
  const at = Date.parse(date);
  expect(offsetOf(at + 400, at + 600, date)).toBe(0);
  expect(offsetOf(at + 3_600_000, at + 3_601_000, date)).toBe(3_600_000);
  expect(offsetOf(at, at, "no date")).toBeUndefined();
  const words = [40, -2_500, 45_000, -3_600_000, 90_000_000].map((ms) => {
    const { sign, value, unit } = offsetParts(ms);
    return t.setup.offset(sign, value, unit);
  });
  expect(words).toEqual(["+0 s", "−2.5 s", "+45 s", "−60 min", "+25 h"]);
});

test("every check has its words", () => {
  const says: Record<string, Record<string, string>> = t.setup.says;
  const many = [
    fresh,
    proven,
    { ...fresh, isSecure: false },
    { ...proven, isTesting: true, push },
    { ...fresh, clockOffset: 9e9 },
  ];
  for (const permission of ["granted", "denied", undefined] as const)
    many.push({ ...fresh, permission, isInstalled: false, install: "menu" });
  for (const check of many.flatMap(checksOf)) {
    expect(says[check.name]?.[check.says], `${check.name} ${check.says}`).toBeTruthy();
    expect(t.setup.names[check.name]).toBeTruthy();
  }
});
