// Kinds of the audit that are looked for together.

export const SETS = {
  signIns: ["session.opened", "session.closed", "refused.more"],
  administration: [
    ...["user.added", "user.named", "user.role", "user.enabled", "user.disabled", "user.password", "user.imported"],
    ...["user.signedOut", "user.sessionEnded", "user.deviceSignedOut", "watcher.made", "watcher.ended"],
    ...["token.made", "token.revoked", "group.put", "group.removed", "duty.said", "organisation.changed"],
    ...["webhook.added", "webhook.changed", "webhook.removed", "push.keyChanged", "administration.refused"],
    ...["store.restored", "store.written", "store.imported"],
  ],
  sends: ["message.sent"],
  reads: ["watcher.read", "story.read"],
} as const;
