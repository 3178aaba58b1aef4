import { sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import type { Db } from './key-table.ts'

const MIGRATIONS: Record<string, Migration> = {
  '0001-keys': {
    async up(db) {
      await sql`
        create table keygen.key (
          owner text not null,
          project text not null,
          algorithm text not null,
          fingerprint text not null unique,
          created_at timestamptz not null,
          expires_at timestamptz not null,
          user_id text not null,
          public_key bytea not null,
          certifications bytea not null,
          sealed_private_key bytea not null,
          primary key (owner, project)
        )`.execute(db)
      await sql`create index on keygen.key (expires_at)`.execute(db)
      await sql`
        create table keygen.key_pool (
          id uuid primary key,
          sealed_private_key bytea not null,
          made_at timestamptz not null
        )`.execute(db)
    },
  },
  '0002-data-keys-and-log': {
    async up(db) {
      await sql`
        create table keygen.data_key (
          id uuid primary key,
          master_key text not null,
          wrapped bytea not null,
          made_at timestamptz not null
        )`.execute(db)
      await sql`
        alter table keygen.key add changed_at timestamptz not null default now()`.execute(db)
      await sql`create index on keygen.key (changed_at)`.execute(db)
      await sql`
        create table keygen.retired_key (
          fingerprint text primary key,
          owner text not null,
          project text not null,
          algorithm text not null,
          created_at timestamptz not null,
          expires_at timestamptz not null,
          user_id text not null,
          public_key bytea not null,
          certifications bytea not null,
          retired_at timestamptz not null,
          retired_by text not null
        )`.execute(db)
      await sql`
        create table keygen.signature (
          id bigint generated always as identity primary key,
          at timestamptz not null,
          caller text not null,
          owner text not null,
          project text not null,
          fingerprint text not null,
          purpose text not null,
          names text[] not null,
          digests bytea not null,
          count integer not null,
          ticket text not null,
          request_id text,
          previous text not null,
          hash text not null
        )`.execute(db)
      await sql`create index on keygen.signature (owner, project, id)`.execute(db)
      await sql`
        create function keygen.refuse_change() returns trigger language plpgsql as $$
        begin
          raise exception 'Cannot change the log of signatures: entries are only ever added';
        end $$`.execute(db)
      await sql`
        create trigger only_added before update or delete or truncate on keygen.signature
        for each statement execute function keygen.refuse_change()`.execute(db)
    },
  },
}

/** Migrates the schema to the current version. Several processes may start at the same time: Kysely takes an advisory lock. */
export async function migrateKeyTable(db: Db): Promise<void> {
  const provider = { getMigrations: async () => MIGRATIONS }
  const migrator = new Migrator({ db, provider, migrationTableSchema: 'keygen' })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
}
