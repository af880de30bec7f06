// in: field, option

type Inner = String;

type Inner = Uuid;

type Inner = NaiveDate;

type Inner = NaiveTime;

type Inner = NaiveDateTime;

type Inner = DateTime<Utc>;

type Inner = std::net::Ipv4Addr;

type Inner = std::net::IpAddr;

type Inner = std::time::Duration;

type Inner = u64;
