//! The original's tables, read in pages in one read-only transaction: one state of them, and not a byte written.

use std::path::Path;
use std::time::Duration;

use crewline_api::{Timestamp, limits};
use crewline_core::peek::{SourceChat, SourceMember, SourceMessage, SourcePayload};
use tokio::runtime::Runtime;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls, Row};

use super::tls;
use crate::config::without_password;
use crate::context::Context;
use crate::failure::Failure;

/// Rows of a page.
const PAGE: usize = 1_000;
/// How long to wait for a connection, where the address does not say.
const CONNECT_S: u64 = 10;

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A time in milliseconds; NULL where it is none, or infinite.
macro_rules! millis {
    ($time:literal) => {
        concat!(
            "CASE WHEN isfinite(",
            $time,
            ") THEN floor(extract(epoch FROM ",
            $time,
            ") * 1000)::int8 END"
        )
    };
}

/// A chat begins with its first message; without one, with its last activity.
const CHATS: &str = concat!(
    r#"SELECT c."id"::int8, "#,
    millis!(r#"coalesce(m."at", c."lastActivity")"#),
    r#" FROM "pl_chat"."ChatTuple" c
    LEFT JOIN (SELECT "chatId", min("dateTime") FILTER (WHERE isfinite("dateTime")) AS "at"
               FROM "pl_chat"."MessageTuple" GROUP BY "chatId") m ON m."chatId" = c."id"
    ORDER BY c."id""#
);

const MEMBERS: &str = concat!(
    r#"SELECT "id"::int8, coalesce("chatId", 0)::int8, coalesce("userId", '')::text, coalesce("isUserExternal", false), "#,
    millis!(r#""lastReadDate""#),
    r#" FROM "pl_chat"."ChatUserTuple" ORDER BY "id""#
);

const MESSAGES: &str = concat!(
    r#"SELECT "id"::int8, coalesce("chatId", 0)::int8, coalesce("fromUserId", '')::text, coalesce("message", '')::text,
    "priority"::int8, "#,
    millis!(r#""dateTime""#),
    r#" FROM "pl_chat"."MessageTuple" ORDER BY "dateTime", "id""#
);

/// Of one that is too large to be taken, only its size.
const PAYLOADS: &str = r#"SELECT "id"::int8, "messageId"::int8, coalesce("chatUserId", 0)::int8,
    coalesce(octet_length("onReadPayload"), 0)::int8,
    CASE WHEN octet_length("onReadPayload") <= $2::int4 THEN "onReadPayload" END
    FROM "pl_chat"."MessageReadPayloadTuple" WHERE "messageId" = ANY($1::int8[]) ORDER BY "id""#;

const LOST_PAYLOADS: &str = r#"SELECT p."id"::int8, coalesce(p."messageId", 0)::int8
    FROM "pl_chat"."MessageReadPayloadTuple" p
    WHERE NOT EXISTS (SELECT 1 FROM "pl_chat"."MessageTuple" m WHERE m."id" = p."messageId") ORDER BY p."id""#;

const COUNT: &str = r#"SELECT count(*) FROM "pl_chat"."MessageTuple""#;

/// The original's database.
pub(super) struct Source {
    runtime: Runtime,
    client: Client,
    /// Without the password.
    shown: String,
}

impl Source {
    /// Connects, and begins the transaction.
    pub(super) fn open(
        url: &str,
        ca_file: Option<&Path>,
        context: &Context,
    ) -> Result<Self, Failure> {
        let shown = without_password(url);
        let config = configure(url, &shown)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| Failure::new(format!("cannot start: {error}")))?;
        let encrypted = config.get_ssl_mode() == SslMode::Require;
        if !encrypted && !config.get_hosts().iter().all(is_here) {
            context.warn("what is read travels unencrypted; ?sslmode=require behind the address asks for TLS");
        }
        let client = runtime.block_on(async {
            if encrypted {
                let tls = tls::connector(ca_file)?;
                let connected = config.connect(tls).await;
                let (client, connection) =
                    connected.map_err(|error| cannot("connect to", &shown, &error))?;
                tokio::spawn(connection);
                return Ok(client);
            }
            let connected = config.connect(NoTls).await;
            let (client, connection) =
                connected.map_err(|error| cannot("connect to", &shown, &error))?;
            tokio::spawn(connection);
            Ok::<_, Failure>(client)
        })?;
        let source = Self {
            runtime,
            client,
            shown,
        };
        source.run(BEGIN)?;
        Ok(source)
    }

    /// How many messages there are.
    pub(super) fn count(&self) -> Result<u64, Failure> {
        let rows = self.query(COUNT)?;
        let count: i64 = rows.first().map_or(Ok(0), |row| self.get(row, 0))?;
        Ok(count as u64)
    }

    /// The chats.
    pub(super) fn chats(&self) -> Result<Vec<SourceChat>, Failure> {
        self.all(CHATS, |row| {
            Ok(SourceChat {
                id: self.get(row, 0)?,
                at: self.time(row, 1)?,
            })
        })
    }

    /// Those who are in them.
    pub(super) fn members(&self) -> Result<Vec<SourceMember>, Failure> {
        self.all(MEMBERS, |row| {
            Ok(SourceMember {
                id: self.get(row, 0)?,
                chat: self.get(row, 1)?,
                user: self.get(row, 2)?,
                external: self.get(row, 3)?,
                last_read: self.time(row, 4)?,
            })
        })
    }

    /// The first page of messages, in the order of their times.
    pub(super) fn begin_messages(&self) -> Result<Vec<SourceMessage>, Failure> {
        self.run(&format!("DECLARE messages NO SCROLL CURSOR FOR {MESSAGES}"))?;
        self.more_messages()
    }

    /// The next page; an empty one at the end.
    pub(super) fn more_messages(&self) -> Result<Vec<SourceMessage>, Failure> {
        let rows = self.query(&format!("FETCH FORWARD {PAGE} FROM messages"))?;
        let mut messages = Vec::with_capacity(rows.len());
        for row in &rows {
            messages.push(SourceMessage {
                id: self.get(row, 0)?,
                chat: self.get(row, 1)?,
                from: self.get(row, 2)?,
                text: self.get(row, 3)?,
                priority: self.get(row, 4)?,
                at: self.time(row, 5)?,
                payloads: Vec::new(),
            });
        }
        self.add_payloads(&mut messages)?;
        Ok(messages)
    }

    /// Payloads whose message is not there, each with its id and the message's.
    pub(super) fn lost_payloads(&self) -> Result<Vec<(i64, i64)>, Failure> {
        self.all(LOST_PAYLOADS, |row| {
            Ok((self.get(row, 0)?, self.get(row, 1)?))
        })
    }

    fn add_payloads(&self, messages: &mut [SourceMessage]) -> Result<(), Failure> {
        let ids: Vec<i64> = messages.iter().map(|message| message.id).collect();
        let max = limits::PAYLOAD_BYTES_MAX as i32;
        let rows = self
            .runtime
            .block_on(self.client.query(PAYLOADS, &[&ids, &max]))
            .map_err(|error| self.fault(&error))?;
        let mut places: std::collections::HashMap<i64, &mut SourceMessage> =
            messages.iter_mut().map(|row| (row.id, row)).collect();
        for row in &rows {
            let message: i64 = self.get(row, 1)?;
            let payload = SourcePayload {
                id: self.get(row, 0)?,
                member: self.get(row, 2)?,
                size: self.get::<i64>(row, 3)? as u64,
                bytes: self.get::<Option<Vec<u8>>>(row, 4)?.unwrap_or_default(),
            };
            if let Some(place) = places.get_mut(&message) {
                place.payloads.push(payload);
            }
        }
        Ok(())
    }

    /// Every row of a query, read in pages.
    fn all<T>(
        &self,
        sql: &str,
        take: impl Fn(&Row) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Failure> {
        self.run(&format!("DECLARE rows NO SCROLL CURSOR FOR {sql}"))?;
        let mut all = Vec::new();
        loop {
            let rows = self.query(&format!("FETCH FORWARD {PAGE} FROM rows"))?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                all.push(take(row)?);
            }
        }
        self.run("CLOSE rows")?;
        Ok(all)
    }

    fn run(&self, sql: &str) -> Result<(), Failure> {
        self.runtime
            .block_on(self.client.batch_execute(sql))
            .map_err(|error| self.fault(&error))
    }

    fn query(&self, sql: &str) -> Result<Vec<Row>, Failure> {
        self.runtime
            .block_on(self.client.query(sql, &[]))
            .map_err(|error| self.fault(&error))
    }

    fn get<'r, T: tokio_postgres::types::FromSql<'r>>(
        &self,
        row: &'r Row,
        column: usize,
    ) -> Result<T, Failure> {
        row.try_get(column).map_err(|error| self.fault(&error))
    }

    fn time(&self, row: &Row, column: usize) -> Result<Option<Timestamp>, Failure> {
        let millis: Option<i64> = self.get(row, column)?;
        Ok(millis.map(Timestamp::from_millis))
    }

    fn fault(&self, error: &tokio_postgres::Error) -> Failure {
        cannot("read", &self.shown, error)
    }
}

/// What the address says, and what it leaves out.
fn configure(url: &str, shown: &str) -> Result<Config, Failure> {
    let good = url.starts_with("postgres://") || url.starts_with("postgresql://");
    let wrong = |why: String| {
        Failure::usage(format!("--from {shown} {why}"))
            .remedy("--from postgres://USER@HOST/DATABASE with the password in PGPASSWORD")
    };
    if !good {
        return Err(wrong("is no address of PostgreSQL".to_owned()));
    }
    // What the library says of an address may hold a part of it.
    let mut config: Config = url
        .parse()
        .map_err(|_| wrong("cannot be understood; sslmode is disable or require, and in names and passwords %40 stands for @, %2F for /".to_owned()))?;
    if config.get_password().is_none()
        && let Some(password) = std::env::var_os("PGPASSWORD")
    {
        config.password(password.into_encoded_bytes());
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(CONNECT_S));
    }
    config.application_name("crewline import peek");
    Ok(config)
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            let address = name.parse::<std::net::IpAddr>();
            name == "localhost" || address.is_ok_and(|address| address.is_loopback())
        }
        Host::Unix(_) => true,
    }
}

fn cannot(what: &str, shown: &str, error: &tokio_postgres::Error) -> Failure {
    let why = error.as_db_error().map_or_else(
        || {
            let source = std::error::Error::source(error);
            source.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
        },
        |error| error.message().to_owned(),
    );
    let failure = Failure::new(format!("cannot {what} {shown}: {why}"));
    let again = "the same command again: it goes on from where it stopped";
    if error.is_closed() {
        return failure.remedy(again);
    }
    match error.code().map(tokio_postgres::error::SqlState::code) {
        // The administrator of the source ended it, or the server stopped.
        Some("57P01" | "57P02") => failure.remedy(again),
        Some("42P01" | "3F000") => failure.remedy(
            "the database of the original: the tables ChatTuple, ChatUserTuple, MessageTuple and MessageReadPayloadTuple stand in its schema pl_chat",
        ),
        Some("42501") => failure.remedy(
            "GRANT USAGE ON SCHEMA pl_chat TO the role, and GRANT SELECT ON ALL TABLES IN SCHEMA pl_chat TO it",
        ),
        _ => failure,
    }
}
