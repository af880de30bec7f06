//! CloudEvents: in structured mode with any bytes as the body, or in binary mode with any headers and any body.
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
        // Only this header marks a message as a CloudEvent in binary mode.
        headers.set("ce-specversion", "1.0");
        published(bytes.take_rest(), None, headers).read();
    }
});
