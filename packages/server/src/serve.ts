/** Serves one connection over a byte pipe. */

import type { BytePipe, PipeAddresses } from '@hawser/session'
import { checkServerOptions, type ServerOptions } from './options.ts'
import { ServerConnection } from './server-connection.ts'

/** Begins to serve the client at the other end of `pipe`, at once and without waiting. Throws UsageError for options that cannot be used. */
export function beginServing(pipe: BytePipe & PipeAddresses, options: ServerOptions): ServerConnection {
  return new ServerConnection(pipe, checkServerOptions(options))
}

/** Serves the client at the other end of `pipe`; resolves once it is logged in, rejects with the one error that prevented it. */
export async function serve(
  pipe: BytePipe & PipeAddresses,
  options: ServerOptions,
): Promise<ServerConnection> {
  const connection = beginServing(pipe, options)
  await connection.ready
  return connection
}
