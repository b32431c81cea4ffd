// What an administrator does beside the day's work: imports, also interrupted ones; one session of several; groups of a person;
// what a revoked token stops; a webhook that moves; the audit by pages and the story of somebody else's message.

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { DESK, PHONE, Screen } from "./screen.ts";
import { PASSWORD, Server } from "./server.ts";

let server: Server;
const screens: Screen[] = [];

beforeAll(async () => {
  server = await Server.start({ roles: { carol: "administrator" } });
});
afterAll(() => server.remove());
afterEach(async () => {
  const faults = screens.flatMap((screen) => screen.faults);
  for (const screen of screens.splice(0)) await screen.close();
  expect(faults).toEqual([]);
});

async function at(path: string): Promise<Screen> {
  const screen = await Screen.open(server, { size: DESK });
  screens.push(screen);
  await screen.signIn("carol", `/admin/${path}`);
  return screen;
}
const act = <T>(method: string, path: string, body?: unknown) => server.call<T>("carol", method, path, body);

async function give({ page }: Screen, text: string): Promise<void> {
  await page
    .getByLabel("CSV file")
    .setInputFiles({ name: "file.csv", mimeType: "text/csv", buffer: Buffer.from(text) });
}

test("an import of groups that stops says what was taken and what was not, and what is left is imported by a second go", async () => {
  const desk = await at("groups");
  const { page } = desk;
  await desk.button("Import").click();
  await give(desk, "group,name,user\none,One,alice\ntwo,Two,zoe\n");
  await page.getByText("Not a user: zoe.").waitFor();
  expect(await desk.button("Import 2 groups").count()).toBe(0);
  await give(desk, "group,name,user\none,One,alice\ntwo,Two,bob\nthree,Three,carol\nfour,Four,alice\n");
  // Of the second no answer comes, though the server has taken it.
  await page.route("**/api/v1/groups/two", async (route) => {
    await route.fetch();
    await route.abort();
  });
  await desk.button("Import 4 groups").click();
  const said = page.getByRole("list", { name: "Not all of it was imported" });
  await said.getByText("Imported, 1: One").waitFor();
  await said.getByText("No answer came, so it is not known whether it was imported: Two").waitFor();
  await said.getByText("Not tried, 2: Three, Four").waitFor();
  await page.unroute("**/api/v1/groups/two");
  await desk.button("Look again").click();
  await page.getByText("2 groups stay as they are").waitFor();
  await desk.button("Import 2 groups").click();
  await page.getByText("2 groups were imported.").waitFor();
  const { groups } = await act<{ groups: { groupId: string; userIds: string[] }[] }>("GET", "/api/v1/groups");
  expect(groups.map(({ groupId, userIds }) => `${groupId} ${userIds}`).sort()).toEqual(
    ["four alice", "one alice", "three carol", "two bob"].sort(),
  );
});

test("an import asks again where somebody else changed what it would do", async () => {
  const desk = await at("groups");
  await desk.button("Import").click();
  await give(desk, "group,name,user\nshift,Shift,alice\n");
  await desk.page.getByText("1 group is new: Shift (1)").waitFor();
  await act("PUT", "/api/v1/groups/shift", { name: "Night shift", userIds: ["bob"] });
  await desk.button("Import 1 group").click();
  await desk.page.getByText("Somebody changed something since.").waitFor();
  await desk.page.getByText("1 group changes: Shift (1)").waitFor();
  await desk.button("Import 1 group").click();
  await desk.page.getByText("1 group was imported.").waitFor();
});

test("users are imported from a file: what it would do comes first, and whoever got a password signs in", async () => {
  const desk = await at("users");
  const { page } = desk;
  await desk.button("Import").click();
  await give(desk, "id,name,role,password\nerik,Erik Sund,boss,\n");
  await page.getByText("Line 2: the role must be crew, dispatcher or administrator").waitFor();
  await give(
    desk,
    `id,name,role,password\nerik,Erik Sund,,${PASSWORD}\nbob,Bobby Brown,dispatcher,\nalice,Alice Adams,crew,\n`,
  );
  await page.getByText("1 user is new: erik").waitFor();
  await page.getByText("1 user changes: bob (Bobby Brown, Dispatcher)").waitFor();
  await page.getByText("1 user stays as they are").waitFor();
  await desk.button("Import: 2 steps").click();
  await page.getByText("All of it was imported: 2 steps.").waitFor();
  const phone = await Screen.open(server, { size: PHONE });
  screens.push(phone);
  await phone.signIn("erik");
  // The role is asked of all users, not of those alone that are shown.
  await page.getByRole("combobox", { name: "Role" }).selectOption({ label: "Dispatcher" });
  await page.getByText("1 user", { exact: true }).waitFor();
  await page.getByRole("link", { name: "Bobby Brown" }).waitFor();
});

test("of two sessions on a device one is ended, and the other goes on; a person is put into a group and taken out", async () => {
  const deviceId = randomUUID();
  const tokens: string[] = [];
  for (let session = 0; session < 2; session++) {
    const body = JSON.stringify({ userId: "alice", password: PASSWORD, deviceId, deviceName: "Van phone 4" });
    const answer = await fetch(`${server.url}/api/v1/session`, { method: "POST", body });
    tokens.push(((await answer.json()) as { token: string }).token);
  }
  const statuses = () =>
    Promise.all(
      tokens.map(
        async (token) =>
          (await fetch(`${server.url}/api/v1/me`, { headers: { Authorization: `Bearer ${token}` } })).status,
      ),
    );
  expect(await statuses()).toEqual([200, 200]);
  await act("PUT", "/api/v1/groups/ladder", { name: "Ladder crew", userIds: ["bob"] });
  const desk = await at("users/alice");
  const { page } = desk;
  const sessions = page.getByRole("list", { name: "Sessions on Van phone 4" });
  await sessions.getByRole("button").first().click();
  await page.getByRole("dialog").getByRole("button", { name: "End session" }).click();
  await page.getByRole("listitem", { name: "Van phone 4" }).getByText("1 open session").waitFor();
  expect((await statuses()).sort()).toEqual([200, 401]);

  const groups = page.getByRole("list", { name: "Groups" });
  await page.getByRole("combobox", { name: "Add to a group" }).selectOption({ label: "Ladder crew" });
  await desk.button("Add").click();
  await groups.getByText("Ladder crew").waitFor();
  const inIt = async () =>
    (await act<{ groups: { groupId: string; userIds: string[] }[] }>("GET", "/api/v1/groups")).groups.find(
      ({ groupId }) => groupId === "ladder",
    )?.userIds;
  expect(await inIt()).toEqual(["alice", "bob"]);
  await desk.button("Take out of Ladder crew").click();
  await groups.getByText("Ladder crew").waitFor({ state: "detached" });
  expect(await inIt()).toEqual(["bob"]);
});

test("revoking a token says whether its external still acts by another one", async () => {
  const make = (externals: string[]) => act<{ tokenId: string }>("POST", "/api/v1/admin/tokens", { externals });
  const { tokenId } = await make(["plant:west"]);
  const other = await make(["plant:*"]);
  const desk = await at("tokens");
  const ask = async (id: string, owners: string) => {
    await desk.button(`Revoke token ${id}, ${owners}`).click();
    return desk.page.getByRole("dialog");
  };
  const first = await ask(tokenId, "plant:west");
  await first.getByText(`plant:west still acts by token ${other.tokenId}.`).waitFor();
  await first.getByRole("button", { name: "Revoke" }).click();
  await desk.button(`Revoke token ${tokenId}, plant:west`).waitFor({ state: "detached" });
  const second = await ask(other.tokenId, "plant:*");
  await second.getByText("Nothing else acts as plant:*").waitFor();
});

test("a webhook gets another URL and other kinds of events, and keeps its place", async () => {
  await server.send(["alice"], "Breaker 1204 has tripped");
  const { webhookId } = await act<{ webhookId: string }>("POST", "/api/v1/webhooks", {
    url: "https://old.example.org/",
    participant: "scada:north",
  });
  const desk = await at(`webhooks/${webhookId}`);
  const { page } = desk;
  await page.getByRole("textbox", { name: "Kinds of events" }).fill("message.lost");
  await desk.button("Save").click();
  await page.locator("input[aria-invalid=true]").waitFor();
  await page.getByRole("textbox", { name: "URL" }).fill("https://new.example.org/");
  await page.getByRole("textbox", { name: "Kinds of events" }).fill("message.read, message.delivered");
  await desk.button("Save").click();
  await page.getByRole("status").filter({ hasText: "Saved" }).waitFor();
  await page.getByRole("heading", { name: "https://new.example.org/" }).waitFor();
  const { url, types } = await act<{ url: string; types: string[] }>("GET", `/api/v1/webhooks/${webhookId}`);
  expect([url, types.sort()]).toEqual(["https://new.example.org/", ["message.delivered", "message.read"]]);
});

test("the audit is looked through by pages, narrowed by kind and time, and exported whole", async () => {
  for (let turn = 0; turn < 230; turn++) await act("PUT", "/api/v1/people/bob/duty", { onDuty: turn % 2 === 0 });
  const desk = await at("audit");
  const { page } = desk;
  const rows = page.getByRole("table", { name: "Audit" }).getByRole("row");
  await page.getByRole("searchbox", { name: "About whom or what" }).fill("bob");
  await page.getByRole("combobox", { name: "What" }).selectOption({ label: "Set duty" });
  await page.getByText("The newest 100").waitFor();
  await desk.button("Show more").click();
  await page.getByText("The newest 200").waitFor();
  await desk.button("Show more").click();
  await page.getByText("230 rows").waitFor();
  expect(await rows.count()).toBe(231);
  const [file] = await Promise.all([page.waitForEvent("download"), desk.button("Export as CSV").click()]);
  expect(
    readFileSync(await file.path(), "utf8")
      .trim()
      .split("\r\n").length,
  ).toBe(231);
  await page.getByText("230 rows in the file.").waitFor();
  await page.getByLabel("To", { exact: true }).fill("2020-01-01T00:00:00");
  await page.getByText("Nothing is found by this.").waitFor();
  await page.getByLabel("To", { exact: true }).fill("");
  await page.getByRole("combobox", { name: "What" }).selectOption({ label: "All of administration" });
  await page.getByText("The newest 100").waitFor();
});

test("an administrator has the story of somebody else's message, from the conversation and from the audit", async () => {
  const { messageId, chatId } = await server.say("alice", ["carol"], "The pump is off");
  const desk = await at("audit");
  const { page } = desk;
  await page.goto(`/chats/${chatId}`);
  await desk.message("The pump is off").getByText("Whole story").click();
  const [printed] = await Promise.all([
    desk.context.waitForEvent("page"),
    page.getByRole("link", { name: "Page to print" }).click(),
  ]);
  await printed.getByText("The pump is off").first().waitFor();
  await printed.close();
  await page.goto("/admin/audit");
  // It was sent: that is found among sends, by whom it was.
  await page.getByRole("combobox", { name: "What" }).selectOption({ label: "Sent a message" });
  await page.getByRole("searchbox", { name: "Who (whole ID)", exact: true }).fill("alice");
  await page
    .getByRole("row")
    .filter({ has: page.getByRole("link", { name: messageId }) })
    .getByText("Sent a message")
    .waitFor();
  await page.getByRole("searchbox", { name: "Who (whole ID)", exact: true }).fill("");
  await page.getByRole("combobox", { name: "What" }).selectOption({ label: "All that watchers read, and stories" });
  const [again] = await Promise.all([
    desk.context.waitForEvent("page"),
    page.getByRole("link", { name: messageId }).first().click(),
  ]);
  await again.getByText("The pump is off").first().waitFor();
});
