//! Places between pages, what lists are asked for, and headers that browsers send.

use axum::http::{HeaderValue, header};
use crewline_api::FieldCode;

use super::parts;
use crate::admin::log::{read_kinds, read_place};
use crate::me::read_before;
use crate::query::{read_kind, read_seq, read_time};
use crate::story::read_format;
use crate::{Settings, origin, socket, web};

/// A word of a query, read by everything that reads one: what each said of it.
pub fn words(text: &str) -> [Result<(), (FieldCode, String)>; 7] {
    [
        read_before(text).map(drop),
        read_place(text).map(drop),
        read_kinds(text).map(drop),
        read_time(text).map(drop),
        read_format(text).map(drop),
        read_seq(text).map(drop),
        read_kind(text).map(drop),
    ]
}

/// A file of the app as a browser with these headers gets it: the status, and whether it is compressed. None: HTTP itself
/// refuses the headers, or there is no such file.
pub fn app_file(name: &str, headers: &[(&[u8], &[u8])]) -> Option<(u16, bool)> {
    let response = web::file(name, &parts("", headers)?.headers)?;
    let zipped = response.headers().contains_key(header::CONTENT_ENCODING);
    Some((response.status().as_u16(), zipped))
}

/// Whether a page that sends these headers may write.
pub fn may_write(headers: &[(&[u8], &[u8])]) -> Option<bool> {
    Some(origin::check(&parts("", headers)?, &Settings::default()).is_ok())
}

/// Whether these headers open a socket.
pub fn opens_a_socket(headers: &[(&[u8], &[u8])]) -> Option<Result<HeaderValue, &'static str>> {
    Some(socket::accept(&parts("", headers)?.headers))
}
