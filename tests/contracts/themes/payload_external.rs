// in: root, recursive-enum

enum Inner { Held(u32), Plain }

enum Inner { Held(u64), Plain }

enum Inner { Held(Option<u32>), Plain }

enum Inner { Held((u32, u32)), Plain }

enum Inner { Held(u32, u32), Plain }

enum Inner { Held { id: u32 }, Plain }

enum Inner { Held(Id), Plain }
struct Id { id: u32  }

enum Inner { Held(String), Plain }

enum Inner { Held, Plain }

enum Inner { Held(), Plain }

enum Inner { Held(Vec<u32>), Plain }

enum Inner { Held(()), Plain }
