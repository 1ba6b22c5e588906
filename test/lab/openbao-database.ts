import type { BaoApi } from './openbao-api.ts';
import type { Postgres } from './postgres.ts';

/** Mounts the database engine at `database/`, with the server as its connection `pg` for all roles. */
export async function mountDatabase(
  bao: BaoApi,
  postgres: Postgres,
  more: Record<string, unknown> = {},
): Promise<void> {
  await bao.mount('database', 'database');
  await bao.write('database/config/pg', {
    plugin_name: 'postgresql-database-plugin',
    allowed_roles: '*',
    connection_url: `postgresql://{{username}}:{{password}}@127.0.0.1:${postgres.port}/postgres?sslmode=disable`,
    username: 'postgres',
    password: postgres.password,
    ...more,
  });
}
