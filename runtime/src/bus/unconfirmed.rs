//! Why a message was not confirmed.

use crate::bus::refusal::Refusal;
use crate::error::PublishFault;
use crate::event::payload::Unpublishable;

#[derive(Debug)]
pub(crate) struct Unconfirmed {
    pub(crate) fault: PublishFault,
    /// Whether some queue may have the message nevertheless.
    pub(crate) maybe_delivered: bool,
}

impl Unconfirmed {
    pub(crate) fn not_delivered(fault: PublishFault) -> Self {
        Self {
            fault,
            maybe_delivered: false,
        }
    }
}

impl From<Refusal> for Unconfirmed {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unroutable => Self::not_delivered(PublishFault::Unroutable),
            Refusal::Closed => Self::not_delivered(PublishFault::Closed),
            Refusal::NoExchange => Self::not_delivered(PublishFault::Refused(refusal.to_string())),
            Refusal::Forbidden(why) => Self::not_delivered(PublishFault::Forbidden(why)),
            Refusal::ForbiddenKey(why) => Self::not_delivered(PublishFault::ForbiddenKey(why)),
            Refusal::Unacceptable(why) => {
                Self::not_delivered(PublishFault::Unpublishable(Unpublishable::Unacceptable(why)))
            }
            // A nack means that one queue refused the message. Other queues of the same routing key may have it.
            Refusal::Nacked => Self {
                fault: PublishFault::Refused(refusal.to_string()),
                maybe_delivered: true,
            },
        }
    }
}
