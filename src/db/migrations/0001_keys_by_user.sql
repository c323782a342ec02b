-- The primary key of tasks begins with the user, and lists are in the order of ids: fewer and smaller indexes to
-- write, and tables that can be distributed by user.
--
-- Indexes are built first, while reads go on; only the last statements take locks that keep readers out, for a
-- moment. `users` comes first, as in every statement of the service, so that no deadlock arises with those.
CREATE UNIQUE INDEX "users_email_key_c" ON "users" USING btree (lower("email" collate "C"));--> statement-breakpoint
CREATE INDEX "idempotency_keys_by_age" ON "idempotency_keys" USING btree ("user_id","created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "tasks_user_id_id_pk" ON "tasks" USING btree ("user_id","id");--> statement-breakpoint
CREATE INDEX "tasks_by_status" ON "tasks" USING btree ("user_id","status","id");--> statement-breakpoint
DROP INDEX "users_email_key";--> statement-breakpoint
ALTER INDEX "users_email_key_c" RENAME TO "users_email_key";--> statement-breakpoint
DROP INDEX "idempotency_keys_oldest";--> statement-breakpoint
ALTER TABLE "tasks" DROP CONSTRAINT "tasks_pkey", ADD CONSTRAINT "tasks_user_id_id_pk" PRIMARY KEY USING INDEX "tasks_user_id_id_pk";--> statement-breakpoint
DROP INDEX "tasks_newest", "tasks_newest_by_status";
