// in: root, internal

struct Inner { value: u32, note: String, more: Vec<u8> }

struct Inner { #[schemars(range(min = 1, max = 9))] value: u32, note: String, more: Vec<u8> }

struct Inner { #[schemars(range(min = 2, max = 5))] value: u32, note: String, more: Vec<u8> }

struct Inner { value: u32, #[schemars(length(min = 1, max = 9))] note: String, more: Vec<u8> }

struct Inner { value: u32, #[schemars(length(min = 2))] note: String, #[schemars(length(max = 3))] more: Vec<u8> }

struct Inner { value: u32, #[schemars(regex(pattern = "^[a-z]+$"))] note: String, more: Vec<u8> }

struct Inner { value: u32, #[schemars(regex(pattern = "^[0-9]+$"))] note: String, more: Vec<u8> }

struct Inner { value: u32, #[schemars(email)] note: String, more: Vec<u8> }

struct Inner { #[schemars(range(max = 9))] value: u8, note: String, more: Vec<u8> }

struct Inner { #[schemars(extend("x-unit" = "cents"))] value: u32, #[schemars(example = "an example")] note: String, more: Vec<u8> }

struct Inner { #[schemars(range(min = -5, max = 5))] value: i32, #[schemars(length(max = 5))] note: String, more: Vec<u8> }
