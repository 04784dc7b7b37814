/** Guards of the agents for HTTP. */

import { guardsOf } from './guard.ts'

export const httpAgent = guardsOf('http-agent', [
  [
    'certificates of web servers',
    'socket.ts',
    'connectTls({ ...options, host: to.host, port: to.port, socket })',
    'connectTls({ ...options, rejectUnauthorized: false, host: to.host, port: to.port, socket })',
    'test/interop/http-agent.test.ts',
    'https: an unknown certificate and a wrong name are refused',
  ],
])
