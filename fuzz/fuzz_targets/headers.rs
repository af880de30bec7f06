//! Headers and properties of every type, from every address: the runtime reads the message, then republishes it for a
//! retry and as a dead letter.
#![no_main]

use arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use tidings::__fuzz::Raw;
use tidings_fuzz::{address, headers, properties};

fn read_and_republish(data: &[u8]) -> Result<()> {
    let mut bytes = Unstructured::new(data);
    let (attempt, limit) = (bytes.int_in_range(1..=100)?, bytes.int_in_range(4_000..=8_000)?);
    let error: String = bytes.arbitrary()?;
    let raw = Raw {
        address: address(&mut bytes)?,
        properties: properties(&mut bytes)?,
        headers: headers(&mut bytes)?,
        body: bytes.take_rest().to_owned(),
    };
    // AMQP limits an exchange name and a routing key to 255 bytes, and the runtime never drops either.
    if raw.address.0.len() <= 255 && raw.address.1.len() <= 255 {
        raw.send_on(&error, attempt, limit);
    }
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    // Ignore bytes that make no message.
    let _ = read_and_republish(data);
});
