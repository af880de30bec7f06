// in: root, deep, flatten, internal-body, untagged-body, internal, flatten-internal, flatten-closed

struct Inner { customer_id: u32, note: String }

struct Inner { buyer_id: u32, note: String }

struct Inner { #[serde(alias = "customer_id")] buyer_id: u32, note: String }

struct Inner { #[serde(rename = "customer_id")] buyer: u32, note: String }

struct Inner { #[serde(rename = "customerId")] customer_id: u32, note: String }

struct Inner { #[serde(rename = "customerId", alias = "customer_id", alias = "buyer_id")] customer_id: u32, note: String }

struct Inner { #[serde(rename(serialize = "customerId"), alias = "customerId")] customer_id: u32, note: String }

struct Inner { #[serde(rename(deserialize = "customerId"))] customer_id: u32, note: String }

struct Inner { #[serde(default, alias = "note")] customer_id: String, #[serde(alias = "id")] buyer_id: Option<u32> }

struct Inner { #[serde(alias = "buyer_id")] customer_id: Option<u32>, #[serde(default, alias = "customerId")] note: String }
