//! What answers tell browsers to do, and not to do, with them. Programs do not look at it.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// An answer of the API is no page: should a browser be made to show one, nothing in it runs, loads or is framed.
const NO_PAGE: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// The page loads nothing from elsewhere, talks to nobody else, and stands in no other page.
/// Swagger UI sets styles from its scripts, and has its images in them.
const PAGE: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// The app has its scripts and styles in files of its own, and nothing in the page itself.
const APP: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; media-src 'self'; \
     connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const PRINT: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox allow-modals",
);
/// The page needs nothing of the device.
const NO_DEVICES: HeaderValue = HeaderValue::from_static(
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), \
     payment=(), usb=()",
);

/// The app asks where the person is, when the person sends an SOS; a browser asks the person first.
const APP_DEVICES: HeaderValue = HeaderValue::from_static(
    "accelerometer=(), camera=(), display-capture=(), geolocation=(self), gyroscope=(), magnetometer=(), microphone=(), \
     payment=(), usb=()",
);

/// What every answer says, unless it said something else before.
pub(crate) fn protect(headers: &mut HeaderMap) {
    for (name, value) in [
        // A text of somebody is never taken for a script or a page.
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (CONTENT_SECURITY_POLICY, NO_PAGE),
        // Paths hold ids, which are nobody else's business.
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        // No page of another origin can load it as a picture or a script, and so into its process.
        (RESOURCE_POLICY, HeaderValue::from_static("same-origin")),
    ] {
        headers.entry(name).or_insert(value);
    }
}

/// What a page of this server says.
pub(crate) fn protect_page(headers: &mut HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, PAGE);
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(PERMISSIONS_POLICY, NO_DEVICES);
    // For browsers that do not know frame-ancestors.
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
}

/// What a page to be printed says: nothing runs in it, and nothing is loaded; its look stands in it.
pub(crate) fn protect_print(headers: &mut HeaderMap) {
    protect_page(headers);
    headers.insert(CONTENT_SECURITY_POLICY, PRINT);
}

/// What the app for people says.
pub(crate) fn protect_app(headers: &mut HeaderMap) {
    protect_page(headers);
    headers.insert(CONTENT_SECURITY_POLICY, APP);
    headers.insert(PERMISSIONS_POLICY, APP_DEVICES);
}
