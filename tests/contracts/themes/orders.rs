// in: root, adjacent

struct Inner { order_id: Uuid, lines: Vec<Line>, total_cents: u64 }
struct Line { sku: String, count: u32 }

struct Inner { order_id: String, lines: Vec<Line>, total_cents: u64 }
struct Line { sku: String, count: u32 }

struct Inner { order_id: Uuid, lines: Vec<Line>, total_cents: u64, currency: Option<String> }
struct Line { sku: String, count: u32, note: Option<String> }

struct Inner { order_id: Uuid, lines: Vec<Line>, total_cents: u64, placed: DateTime<Utc> }
struct Line { sku: String, count: u32 }

struct Inner { order_id: Uuid, lines: BTreeMap<String, u32>, total_cents: u64 }

struct Inner { order_id: Uuid, #[serde(alias = "lines")] items: Vec<Line>, total_cents: u64 }
struct Line { sku: String, #[serde(alias = "count", default)] quantity: u32 }

struct Inner { order_id: Uuid, lines: Vec<Line>, #[serde(alias = "total_cents")] total: i64 }
#[serde(untagged)]
enum Line { Counted { sku: String, count: u32 }, Weighed { sku: String, grams: f64 } }

struct Inner { order_id: Uuid, lines: Vec<Line>, total_cents: u64 }
#[serde(tag = "type", rename_all = "snake_case")]
enum Line { Counted { sku: String, count: u32 }, Weighed { sku: String, grams: f64 } }

struct Inner { order_id: Uuid, lines: Vec<Line>, total_cents: u32, state: State }
struct Line { sku: Sku, count: u32 }
struct Sku(String);
enum State { Open, Paid { at: DateTime<Utc> }, #[serde(other)] Unknown }

struct Inner { order_id: Uuid, lines: Vec<Line>, total_cents: f64, state: Option<State> }
struct Line { sku: String, count: u32 }
enum State { Open, Paid { at: NaiveDate } }
