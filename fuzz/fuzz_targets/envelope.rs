//! Any bytes as the body of a message: an envelope, a bare event, or invalid bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidings::Headers;
use tidings_fuzz::published;

fuzz_target!(|body: &[u8]| published(body, None, Headers::new()).read());
