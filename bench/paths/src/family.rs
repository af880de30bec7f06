//! A family of fifty events.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::DomainEvent;
use uuid::Uuid;

use crate::event::OrderCreated;

macro_rules! family {
    ($($name:ident $event_type:literal)+) => {
        $(
            /// One of the fifty events.
            #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
            #[event(type = $event_type, aggregate_id = order_id)]
            pub struct $name {
                /// The order.
                pub order_id: Uuid,
                /// The customer's name.
                pub customer: String,
                /// The price in cents.
                pub total_cents: u64,
                /// Text that gives the event its size.
                pub note: String,
            }
        )+

        /// The family of the fifty events.
        #[derive(Debug, Clone, DomainEvent)]
        pub enum OrderEvent {
            $(
                /// One member.
                $name($name),
            )+
        }
    };
}

family! {
    Step01 "order.step01" Step02 "order.step02" Step03 "order.step03" Step04 "order.step04" Step05 "order.step05"
    Step06 "order.step06" Step07 "order.step07" Step08 "order.step08" Step09 "order.step09" Step10 "order.step10"
    Step11 "order.step11" Step12 "order.step12" Step13 "order.step13" Step14 "order.step14" Step15 "order.step15"
    Step16 "order.step16" Step17 "order.step17" Step18 "order.step18" Step19 "order.step19" Step20 "order.step20"
    Step21 "order.step21" Step22 "order.step22" Step23 "order.step23" Step24 "order.step24" Step25 "order.step25"
    Step26 "order.step26" Step27 "order.step27" Step28 "order.step28" Step29 "order.step29" Step30 "order.step30"
    Step31 "order.step31" Step32 "order.step32" Step33 "order.step33" Step34 "order.step34" Step35 "order.step35"
    Step36 "order.step36" Step37 "order.step37" Step38 "order.step38" Step39 "order.step39" Step40 "order.step40"
    Step41 "order.step41" Step42 "order.step42" Step43 "order.step43" Step44 "order.step44" Step45 "order.step45"
    Step46 "order.step46" Step47 "order.step47" Step48 "order.step48" Step49 "order.step49" Step50 "order.step50"
}

impl OrderEvent {
    /// The last member, as large as `OrderCreated::small`.
    pub fn last() -> Self {
        let OrderCreated {
            order_id,
            customer,
            total_cents,
            note,
        } = OrderCreated::small();
        Self::Step50(Step50 {
            order_id,
            customer,
            total_cents,
            note,
        })
    }
}
