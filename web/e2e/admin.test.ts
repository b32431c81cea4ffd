// Administration in the app: an administrator's day, those who are not let in, two at once, and by the keyboard alone.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Receiver } from "./receiver.ts";
import { DESK, PHONE, Screen } from "./screen.ts";
import { Server } from "./server.ts";

let server: Server;
const screens: Screen[] = [];

beforeAll(async () => {
  server = await Server.start({ env: { CREWLINE_WEBHOOKS_ALLOW_NETWORKS: "127.0.0.0/8" } });
  server.setRole("carol", "administrator");
  server.setRole("bob", "administrator");
});
afterAll(() => server.remove());
afterEach(async () => {
  const faults = screens.flatMap((screen) => screen.faults);
  for (const screen of screens.splice(0)) await screen.close();
  expect(faults).toEqual([]);
});

async function opened(size: { width: number; height: number }): Promise<Screen> {
  const screen = await Screen.open(server, { size });
  screens.push(screen);
  return screen;
}

/** An administrator's browser, at one of the pages. */
async function at(path: string, userId = "carol"): Promise<Screen> {
  const screen = await opened(DESK);
  await screen.signIn(userId, `/admin/${path}`);
  return screen;
}

test("an administrator's day: a person, who signs in; a group, a phrase, a token, a watcher; a lost phone; a story", async () => {
  const desk = await opened(DESK);
  const { page } = desk;
  const field = (name: string) => page.getByRole("textbox", { name, exact: true });
  const search = (name: string) => page.getByRole("searchbox", { name, exact: true });
  const to = (name: string) =>
    page.getByRole("navigation", { name: "Administration" }).getByRole("link", { name }).click();
  await desk.signIn("carol");
  await desk.button("Administration").click();

  // A wrong field says so, at the field, and what was typed stays.
  await desk.button("Add user").click();
  await field("User ID").fill("bob");
  await desk.button("Add").click();
  await page.locator("input[aria-invalid=true]").waitFor();
  expect(await field("User ID").inputValue()).toBe("bob");
  await field("User ID").fill("dora");
  await field("Name").fill("Dora Dean");
  await desk.button("Add").click();
  const password = await field("Password").inputValue();
  const phone = await opened(PHONE);
  await phone.signIn("dora", "/", password);

  await to("Groups and duty");
  await desk.button("Add group").click();
  await field("Group ID").fill("crew-east");
  await field("Name").fill("Crew east");
  await search("Find people").fill("dor");
  await desk.button("Add Dora Dean").click();
  await desk.button("Save").click();
  await page.getByRole("table", { name: "Groups and duty" }).getByRole("link", { name: "Crew east" }).waitFor();
  await desk.button("Import").click();
  await page.getByLabel("CSV file").setInputFiles({
    name: "groups.csv",
    mimeType: "text/csv",
    buffer: Buffer.from("group,name,user\ncrew-east,Crew east,dora\ncrew-east,,alice\ncrew-west,Crew west,bob\n"),
  });
  await page.getByText("1 group is new: Crew west").waitFor();
  await page.getByText("1 group changes: Crew east").waitFor();
  await desk.button("Import 2 groups").click();
  await page.getByText("2 groups were imported.").waitFor();

  await to("Stock phrases");
  await desk.button("Add phrase").click();
  await field("Text of phrase 1").fill("Switch off {line} at {time}");
  await page.getByText("2 fields: line, time").waitFor();
  await field("Shortcut of phrase 1").fill("off");
  await desk.button("Save").click();
  await page.getByRole("status").filter({ hasText: "Saved" }).waitFor();

  await to("Externals and tokens");
  await field("External IDs").fill("plant:east");
  await desk.button("Make a token").click();
  const token = await field("Token").inputValue();
  const sent = await fetch(`${server.url}/api/v1/messages`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}` },
    body: JSON.stringify({
      fromExtUserId: "plant:east",
      fromExtUserName: "Plant east",
      toUsers: [{ toUserId: "dora" }],
      message: "Pump 3 runs hot",
    }),
  });
  expect(sent.status).toBe(201);
  const { messageId } = (await sent.json()) as { messageId: string };
  await phone.page.getByText("Pump 3 runs hot").first().waitFor();

  await to("Watchers");
  await search("Who watches").fill("dora");
  await desk.button("Add Dora Dean").click();
  await field("Whom").fill("plant:east");
  await desk.button("Add watcher").click();
  await desk.button("End: Dora Dean watches plant:east").waitFor();

  await to("Users");
  await search("Search by name or ID").fill("dor");
  await page.getByText("1 user", { exact: true }).waitFor();
  await page.getByRole("link", { name: "Dora Dean" }).click();
  await page.getByRole("link", { name: "Crew east" }).waitFor();
  await page.getByRole("switch", { name: "On duty" }).click();
  await page.locator("[role=switch][aria-checked=true]").waitFor();
  await desk.button("Sign out Browser").click();
  await page.getByRole("dialog").getByRole("button", { name: "Sign out" }).click();
  await phone.page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.getByRole("listitem", { name: "Browser" }).getByText("Not signed in").waitFor();

  await to("Audit");
  await page.getByRole("cell", { name: "Signed a device out" }).waitFor();
  await field("ID of the message").fill(messageId);
  const [printed] = await Promise.all([
    desk.context.waitForEvent("page"),
    page.getByRole("link", { name: "Page to print" }).click(),
  ]);
  await printed.getByText("Pump 3 runs hot").first().waitFor();
  await printed.close();
  const [file] = await Promise.all([page.waitForEvent("download"), desk.button("Export as CSV").click()]);
  expect(file.suggestedFilename()).toBe("crewline-audit.csv");

  // An own message leads to its story from the conversation.
  const { chatId } = await server.say("carol", ["alice"], "Pump 3 is off");
  await page.goto(`/chats/${chatId}`);
  await desk.message("Pump 3 is off").getByText("Whole story").click();
  const [own] = await Promise.all([
    desk.context.waitForEvent("page"),
    page.getByRole("link", { name: "Page to print" }).click(),
  ]);
  await own.getByText("Pump 3 is off").first().waitFor();
}, 120_000);

test("a webhook that fails is seen, tried again, and its events are posted again", async () => {
  const receiver = await Receiver.start();
  try {
    receiver.status = 500;
    const { messageId } = await server.send(["alice"], "Breaker 1204 has tripped");
    await server.act("alice", "POST", "/api/v1/receipts", { receipts: [{ messageId, state: "delivered" }] });
    const { page } = await at("webhooks");
    const button = (name: string) => page.getByRole("button", { name, exact: true });
    await button("Add webhook").click();
    await page.getByRole("textbox", { name: "URL" }).fill(receiver.url);
    await page.getByRole("textbox", { name: "Whose log" }).fill("scada:north");
    await button("Add").last().click();
    await page.getByRole("textbox", { name: "Secret" }).waitFor();
    await page.getByRole("link", { name: receiver.url }).click();
    await server.act("alice", "POST", "/api/v1/receipts", { receipts: [{ messageId, state: "read" }] });
    const failures = page.getByRole("list", { name: "What the receiver did not take" });
    await failures.getByText("Event 2").waitFor();
    receiver.status = 204;
    await button("Try again now").click();
    await failures.getByText("The receiver has taken everything so far.").waitFor();
    expect(receiver.taken).toEqual([2]);
    await page.getByRole("textbox", { name: "Post everything again from event" }).fill("1");
    await button("Post again from there").click();
    await expect.poll(() => receiver.taken).toEqual([2, 1, 2]);
    await button("Remove webhook").click();
    await page.getByRole("dialog").getByText(receiver.url).waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Remove webhook" }).click();
    await page.getByText("No webhooks yet").waitFor();
  } finally {
    receiver.stop();
  }
});

test("a crew member is not let in: nothing of administration is loaded, and no call succeeds", async () => {
  const screen = await opened(PHONE);
  const { page } = screen;
  const asked: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  await screen.signIn("alice", "/admin/users");
  await page.getByText("Not allowed").waitFor();
  expect(asked.filter((path) => /Admin-|api\/v1\/admin/.test(path))).toEqual([]);
  const statuses = await page.evaluate(async () => {
    const calls: [string, string, unknown?][] = [
      ["GET", "/api/v1/admin/users"],
      ["GET", "/api/v1/admin/audit"],
      ["GET", "/api/v1/admin/state"],
      ["POST", "/api/v1/admin/users", { userId: "mallory" }],
      ["PATCH", "/api/v1/admin/users/alice", { role: "administrator" }],
      ["PUT", "/api/v1/groups/crew-north", { name: "North", userIds: [] }],
      ["PUT", "/api/v1/organisation/phone", { revision: 0, number: "1" }],
      ["GET", "/api/v1/webhooks"],
    ];
    return Promise.all(
      calls.map(
        async ([method, path, body]) =>
          (await fetch(path, { method, ...(body ? { body: JSON.stringify(body) } : {}) })).status,
      ),
    );
  });
  expect(statuses).toEqual(statuses.map(() => 403));
  await screen.button("Back to chats").click();
  await screen.chatsTitle.waitFor();
  expect(await screen.button("Administration").count()).toBe(0);
});

test("of two administrators the second is told that the first was quicker; without contact what was typed stays", async () => {
  const first = await at("sos");
  const second = await at("sos", "bob");
  const number = (screen: Screen) => screen.page.getByRole("textbox", { name: "Number to call for emergencies" });
  const save = (screen: Screen) => screen.button("Save").last().click();
  const said = (screen: Screen, text: string) => screen.page.getByText(text).waitFor();
  await first.page.getByText("There is no number to call.").waitFor();
  await number(second).fill("112");
  await number(first).fill("+49 30 1234567");
  await save(first);
  await said(first, "Saved");
  await save(second);
  await said(second, "Somebody else changed this since you opened it.");
  expect(await number(second).inputValue()).toBe("112");
  await second.button("Show what is there now").click();
  await expect.poll(() => number(second).inputValue()).toBe("+49 30 1234567");
  await second.context.setOffline(true);
  await number(second).fill("110");
  await save(second);
  await said(second, "No contact with the server. Nothing was changed");
  expect(await number(second).inputValue()).toBe("110");
  await second.context.setOffline(false);
  await second.inContact();
  expect(await number(second).inputValue()).toBe("110");
  await save(second);
  await said(second, "Saved");

  // A group has no revision at the server: it is looked at just before it is written.
  await server.act("carol", "PUT", "/api/v1/groups/crew-two", { name: "Two", userIds: ["alice"] });
  await first.page.goto("/admin/groups/crew-two");
  await first.button("Remove Alice Adams").waitFor();
  await server.act("carol", "PUT", "/api/v1/groups/crew-two", { name: "Two", userIds: ["alice", "bob"] });
  await first.button("Remove Alice Adams").click();
  await first.button("Save").click();
  await said(first, "Somebody else changed this since you opened it.");
  await first.button("Show what is there now").click();
  await first.button("Remove Bob Brown").waitFor();
});

test("by the keyboard alone: to administration, a user added, the secret put away, a dialog left, and back", async () => {
  const screen = await opened(DESK);
  const { page } = screen;
  await screen.signIn("carol");
  const focused = () =>
    page.evaluate(() => {
      const here = document.activeElement;
      if (here === null || here === document.body) return "";
      return (
        here.getAttribute("aria-label") ??
        (here as HTMLInputElement).labels?.[0]?.textContent ??
        here.textContent ??
        ""
      ).trim();
    });
  const press = async (name: RegExp, key = "Enter") => {
    for (let presses = 0; !name.test(await focused()); presses++) {
      if (presses > 60) throw new Error(`Tab never came to ${name}`);
      await page.keyboard.press("Tab");
    }
    if (key !== "") await page.keyboard.press(key);
  };
  const isAt = (name: string) => expect.poll(focused).toBe(name);
  await press(/^Administration$/);
  await isAt("Users");
  await press(/^Add user$/);
  await isAt("Add user");
  await press(/^User ID$/, "");
  await page.keyboard.type("frank");
  await page.keyboard.press("Enter");
  await isAt("Password");
  await press(/^I have it$/);
  await isAt("Add user");
  await press(/^Close$/);
  await isAt("Users");
  await press(/^frank$/);
  await isAt("frank");
  await press(/^Disable user$/);
  await page.getByRole("dialog", { name: "Disable frank?" }).waitFor();
  await page.keyboard.press("Escape");
  await isAt("Disable user");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  // Left, and asked for again before the browser has drawn: what tells that the first one was closed comes later.
  await page.evaluate(async () => {
    const press = (name: string) => {
      const found = [...document.querySelectorAll("button")].find(({ textContent }) => textContent === name);
      found?.click();
    };
    press("Change nothing");
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    press("Disable user");
  });
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
  await page.getByRole("dialog", { name: "Disable frank?" }).waitFor();
  await press(/^Disable user$/);
  await screen.button("Enable user").waitFor();
  expect(await focused()).not.toBe("");
}, 90_000);
