//! How a delivery comes in: it is judged, and then stands in its lane, is ignored, or is settled unseen.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{ConsumerSession, News, Report, Running};
use crate::broker::Incoming;
use crate::consume::bound_handler::HandlerCounts;
use crate::consume::outcome::{DeliveryResult, Outcome};
use crate::consume::pending_delivery::PendingDelivery;
use crate::consume::route::{self, Route};
use crate::consume::settle::Settler;
use crate::context::trace::TraceContext;
use crate::event::AnyEvent;
use crate::handler::delivery::{Delivery, DeliveryFacts};
use crate::message::timestamp::Timestamp;
use crate::telemetry;
use crate::wire::origin::Origin;

/// What becomes of a delivery that no handler sees.
enum SettledUnrun {
    Over(DeliveryResult),
    /// It came back so often.
    SetAside(Option<u32>),
}

impl ConsumerSession<'_> {
    pub(super) fn admit(&mut self, incoming: &Incoming, now: Instant, received_at: Timestamp) {
        self.window.delivered(incoming.tag, now);
        self.received.one();
        let returns = self
            .consumer
            .harmless_returns
            .subtract_from(incoming.delivery_count, &incoming.message);
        if self.leaves_for_others() {
            return self.give_back(incoming.tag, &incoming.message);
        }
        let consumer = &self.consumer;
        let judged = route::judge(
            incoming,
            received_at,
            returns,
            &consumer.queue,
            &consumer.workers,
            &consumer.service,
        );
        let suspect = judged.suspect;
        match judged.verdict {
            Route::Run(_) if self.must_be_set_aside(incoming, suspect) => {
                self.settle_unstarted(
                    incoming,
                    judged.origin,
                    judged.handler,
                    SettledUnrun::SetAside(suspect),
                );
            }
            Route::Run(event) => {
                let delivery = self.delivery(event, incoming, received_at, &judged.origin, judged.handler);
                let ever_came_back = incoming.delivery_count > 0 || judged.origin.returns > 0;
                self.desks[judged.handler].lanes.push(PendingDelivery {
                    tag: incoming.tag,
                    handler: judged.handler,
                    origin: judged.origin,
                    delivery,
                    came_back: ever_came_back.then_some(incoming.delivery_count),
                    waited: Duration::ZERO,
                });
                self.occupy(judged.handler);
            }
            Route::Over(DeliveryResult::Undeclared) => {
                self.ignore(incoming, &judged.origin, judged.handler, now);
            }
            Route::Over(ending) => {
                self.settle_unstarted(
                    incoming,
                    judged.origin,
                    judged.handler,
                    SettledUnrun::Over(ending),
                );
            }
        }
        self.mind_the_innocent(suspect);
    }

    fn delivery(
        &self,
        event: AnyEvent,
        incoming: &Incoming,
        received_at: Timestamp,
        origin: &Origin,
        handler: usize,
    ) -> Delivery {
        let facts = DeliveryFacts {
            handler: self.desks[handler].worker.name(),
            queue: Arc::clone(&self.consumer.queue),
            exchange: Arc::clone(&origin.exchange),
            attempt: origin.attempt,
            redelivered: incoming.redelivered,
            first_received_at: origin.first_received_at,
            received_at,
            last_error: origin.last_error.clone(),
            trace: TraceContext::from_headers(&incoming.message.headers),
        };
        Delivery::of_service(event, facts, self.consumer.service.clone())
    }

    fn ignore(&mut self, incoming: &Incoming, origin: &Origin, handler: usize, now: Instant) {
        let worker = &self.desks[handler].worker;
        HandlerCounts::add(&worker.counts.ignored);
        telemetry::ignored(worker.name());
        self.consumer
            .service
            .bus()
            .record_ignored(worker.name(), &origin.routing_key);
        self.window.finished(incoming.tag, now);
    }

    /// Settles a delivery that no handler sees, in a task: it takes a publish.
    fn settle_unstarted(
        &mut self,
        incoming: &Incoming,
        origin: Origin,
        handler: usize,
        unstarted: SettledUnrun,
    ) {
        let case = Settler {
            service: self.consumer.service.clone(),
            worker: Arc::clone(&self.desks[handler].worker),
            queue: Arc::clone(&self.consumer.queue),
            message: Arc::clone(&incoming.message),
            attempt: origin.attempt,
            origin,
            lost: Arc::clone(&self.lost),
            waited: Duration::ZERO,
            delivery: None,
        };
        let (tag, reporter) = (incoming.tag, self.reporter.clone());
        // A crash loop that comes back is one still: the process is there because it did not run.
        let came_back = match unstarted {
            SettledUnrun::SetAside(_) => Some(incoming.delivery_count),
            SettledUnrun::Over(_) => None,
        };
        let task = tokio::spawn(async move {
            let carried = match unstarted {
                SettledUnrun::Over(ending) => case.settle(Outcome::of(ending), true).await,
                SettledUnrun::SetAside(returns) => case.set_aside(returns.unwrap_or_default()).await,
            };
            // The shift may be over; then nobody waits for the news.
            let _ = reporter.send(Report {
                tag,
                news: News::Settled(carried, None),
            });
        });
        let message = Arc::clone(&incoming.message);
        self.running.insert(
            tag,
            Running {
                handler,
                is_attempt: false,
                begun_here: false,
                task: Some(task),
                in_handler: false,
                message,
                came_back,
            },
        );
    }
}
