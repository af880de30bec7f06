//! CloudEvents: structured, of any bytes; or binary, of any headers, with what is left for the body.
#![no_main]

use arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use tidings::Headers;
use tidings_fuzz::{headers, published};

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else {
        return;
    };
    if kind % 2 == 0 {
        published(rest, Some("application/cloudevents+json"), Headers::new()).read();
        return;
    }
    let mut bytes = Unstructured::new(rest);
    if let Ok(mut headers) = headers(&mut bytes) {
        // Without it the rest is not looked at.
        headers.set("ce-specversion", "1.0");
        published(bytes.take_rest(), None, headers).read();
    }
});
