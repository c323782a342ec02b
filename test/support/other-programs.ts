/**
 * Databases as other programs leave them, as SQL: Better Auth, a front end that migrates with drizzle, FastAPI
 * backends, a shop.
 */

const journal = (...rows: [hash: string, when: number][]) => `
  create schema drizzle;
  create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint);
  insert into drizzle.__drizzle_migrations (hash, created_at)
  values ${rows.map(([hash, when]) => `('${hash}', ${when})`).join(', ')};`

export const BETTER_AUTH = `
  create table "user" ("id" text primary key, "name" text not null, "email" text not null unique,
    "emailVerified" boolean not null, "image" text, "createdAt" timestamptz default now() not null,
    "updatedAt" timestamptz default now() not null);
  create table "session" ("id" text primary key, "expiresAt" timestamptz not null, "token" text not null unique,
    "userId" text not null references "user" ("id") on delete cascade);
  create table "account" ("id" text primary key, "accountId" text not null, "providerId" text not null,
    "userId" text not null references "user" ("id") on delete cascade, "password" text);
  create table "verification" ("id" text primary key, "identifier" text not null, "value" text not null);
  create table "jwks" ("id" text primary key, "publicKey" text not null, "privateKey" text not null);
  insert into "user" ("id", "name", "email", "emailVerified") values ('ada-id', 'Ada', 'ada@example.com', true);`

/** A front end's migrations; the newer one is newer than any of this service's. */
export const JOURNAL_OLDER = BETTER_AUTH + journal(['a', 1_768_082_412_971], ['b', 1_768_082_528_700])
export const JOURNAL_NEWER = BETTER_AUTH + journal(['a', 1_768_082_412_971], ['b', 1_896_000_000_000])

/** Tables with the very columns of this service's. */
export const ALIKE_TABLES = `
  create table users (id text primary key, email text, name text);
  create table tasks (id serial primary key, user_id text not null, title text not null, description text,
    status text not null default 'pending', completed boolean not null default false,
    created_at timestamptz not null default now(), updated_at timestamptz not null default now());
  insert into users values ('u1', 'ada@example.com', 'Ada');
  insert into tasks (user_id, title) select 'u1', 'old task ' || n from generate_series(1, 3) as n;
  ${journal(['b', 1_896_000_000_000])}`

/** A FastAPI backend with SQLModel and integer ids. */
export const SERIAL_TASKS = `
  create table users (id varchar not null primary key, email varchar(255) not null, password_hash varchar(255),
    created_at timestamp not null);
  create unique index ix_users_email on users (email);
  create table tasks (id serial primary key, user_id varchar not null references users (id),
    title varchar(200) not null, description varchar(1000), completed boolean not null,
    created_at timestamp not null, updated_at timestamp not null);
  create index ix_tasks_user_id on tasks (user_id);
  insert into users values ('ada-id', 'ada@example.com', null, '2025-12-11 10:00:00');
  insert into tasks (user_id, title, completed, created_at, updated_at)
  select 'ada-id', 'old task ' || n, n % 2 = 0, '2025-12-11', '2025-12-12' from generate_series(1, 5) as n;`

/** The same with SQLModel's default names. */
export const SINGULAR_TASKS = `
  create table "user" (email varchar(255) not null, name varchar(255) not null, id varchar primary key);
  create table task (title varchar(255) not null, description varchar(1000), completed boolean not null,
    user_id varchar(255) not null, due_date varchar, id serial primary key);
  insert into "user" values ('ada@example.com', 'Ada', 'ada-id');
  insert into task (title, completed, user_id)
  select 'old task ' || n, n % 2 = 0, 'ada-id' from generate_series(1, 5) as n;`

/** Somebody's customers. */
export const SHOP = `
  create table users (id serial primary key, email text not null, stripe_customer text);
  insert into users (email) values ('c@example.com');
  create table orders (id serial primary key, user_id int references users (id));`

/** What is no table, under names of this service's: a type, a sequence, a view, an index. */
export const OTHER_KINDS = `
  create type tasks as enum ('a', 'b');
  create sequence tasks_id_seq;
  create view users as select 1 as id;
  create table jobs (id integer);
  create index tasks_by_status on jobs (id);`
