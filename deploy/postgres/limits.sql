-- What each role of one service may wait for and take, and how its statements are planned. Run as a superuser, once per
-- service, after roles.sql; and again whenever this file has changed, also while Jalsa runs (connections that are open
-- keep what they began with):
--   psql -v service=billing -f limits.sql
-- They are settings of the roles, since a pooler such as PgBouncer refuses options at start-up.
-- A web request allows itself less than its role (jalsa.http.edge.Patience); these bind event handlers and jobs.
\set service_owner :service _owner
\set service_app :service _app
\set service_relay :service _relay
ALTER ROLE :"service_app" SET statement_timeout = '30s';
ALTER ROLE :"service_app" SET lock_timeout = '10s';
ALTER ROLE :"service_app" SET idle_in_transaction_session_timeout = '60s';
-- The relay waits for the broker's confirms, and the retries for their handlers, inside of a transaction.
ALTER ROLE :"service_relay" SET statement_timeout = '60s';
ALTER ROLE :"service_relay" SET lock_timeout = '10s';
ALTER ROLE :"service_relay" SET idle_in_transaction_session_timeout = '10min';
-- A migration may take its time, but must not make everybody queue behind a table that it waits for.
ALTER ROLE :"service_owner" SET lock_timeout = '10s';
ALTER ROLE :"service_owner" SET idle_in_transaction_session_timeout = '10min';
-- A generic plan costs more than compilation sets in at, though it takes no time: it would be compiled for nothing.
ALTER ROLE :"service_app" SET plan_cache_mode = 'force_generic_plan';
ALTER ROLE :"service_app" SET jit = 'off';
ALTER ROLE :"service_relay" SET plan_cache_mode = 'force_generic_plan';
ALTER ROLE :"service_relay" SET jit = 'off';
