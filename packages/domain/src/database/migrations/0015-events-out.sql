-- A webhook that receives events of a project. The secret is encrypted with secrets_key of the configuration.
create table project_webhook (
  id integer generated always as identity primary key,
  project_id integer not null references project on delete cascade,
  url text not null,
  events text[] not null,
  sealed_secret bytea not null,
  -- Signs, too, until this time, so that receivers can change to the new secret.
  previous_secret bytea,
  previous_until timestamptz,
  created_at timestamptz not null,
  -- Why it is disabled; null: it is enabled.
  disabled_reason text,
  disabled_at timestamptz
);
create index project_webhook_project on project_webhook (project_id);

-- A destination of events: the message bus, the mail server, or one webhook. Events that happen while no enabled queue wants them are
-- not stored.
create table outbox_queue (
  id integer generated always as identity primary key,
  channel text not null check (channel in ('amqp', 'mail', 'webhook')),
  webhook_id integer unique references project_webhook on delete cascade,
  is_enabled boolean not null default true,
  lease text,
  lease_until timestamptz,
  -- After a failure, nothing is sent before this time.
  retry_at timestamptz,
  failures integer not null default 0,
  failing_since timestamptz,
  last_error text,
  check ((channel = 'webhook') = (webhook_id is not null))
);
create unique index outbox_queue_channel on outbox_queue (channel) where webhook_id is null;

-- An event on its way to one destination, inserted by the transaction in which the event happened. Deliveries to webhooks remain as a
-- log; others are deleted when they have arrived.
create table outbox (
  id bigint generated always as identity primary key,
  queue_id integer not null references outbox_queue on delete cascade,
  -- Deliveries of one queue with the same ordering key are sent one after the other.
  ordering text not null,
  message_id uuid not null default gen_random_uuid(),
  event text not null,
  data jsonb not null,
  created_at timestamptz not null,
  not_before timestamptz,
  attempts integer not null default 0,
  -- Null: it has not arrived yet.
  outcome text check (outcome in ('delivered', 'failed')),
  ended_at timestamptz,
  -- Status and beginning of the last response, or the error.
  status integer,
  answer text
);
create index outbox_open on outbox (queue_id, id) where outcome is null;
create index outbox_open_ordering on outbox (queue_id, ordering, id) where outcome is null;
create index outbox_log on outbox (queue_id, id);
create index outbox_ended on outbox (ended_at) where outcome is not null;

-- Whether the user gets mail about permissions and webhooks, if the site sends mail.
alter table user_account add column wants_mail boolean not null default true;
