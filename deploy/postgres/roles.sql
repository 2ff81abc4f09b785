-- One service's database and its three roles. Run as a superuser, once per service:
--   psql -v service=billing -v owner_password=... -v app_password=... -v relay_password=... -f roles.sql
-- -v database=... names a database other than the service (the tests make many that share the three roles).
-- The local run and the tests run the same file through jalsa.dev.provision.
--   <service>_owner  owns the tables; only migrations log in with it
--   <service>_app    web requests and event handlers; owns nothing, row-level security is forced upon it
--   <service>_relay  the mechanisms that work across tenants: positions, publishing, what is due
\set service_owner :service _owner
\set service_app :service _app
\set service_relay :service _relay
\if :{?database} \else \set database :service \endif
CREATE ROLE :"service_owner" LOGIN PASSWORD :'owner_password' NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
CREATE ROLE :"service_app" LOGIN PASSWORD :'app_password' NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
CREATE ROLE :"service_relay" LOGIN PASSWORD :'relay_password' NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
CREATE DATABASE :"database" OWNER :"service_owner" TEMPLATE template0 ENCODING 'UTF8';
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO :"service_app", :"service_relay";
-- Everybody may connect to a cluster's own databases unless that is taken away; our roles have nothing to do there.
REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;
