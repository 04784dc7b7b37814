/** Why an agent did not do what was asked of it. */

import { SshError, type SshErrorOptions } from '@hawser/wire'

export type AgentErrorCode =
  /** Nothing is there to talk to: no path is known, no socket, nobody listens. */
  | 'SSH_AGENT_UNREACHABLE'
  /** It closed the connection, or we did. */
  | 'SSH_AGENT_CLOSED'
  /** It broke the protocol; `cause` says how. */
  | 'SSH_AGENT_PROTOCOL'
  /** It answered, with a refusal. Agents do not say why. */
  | 'SSH_AGENT_REFUSED'
  /** It did something else than what was asked. */
  | 'SSH_AGENT_UNSUPPORTED'
  /** The caller gave up waiting. */
  | 'SSH_ABORTED'

export class AgentError extends SshError {
  declare readonly code: AgentErrorCode

  constructor(code: AgentErrorCode, message: string, options: SshErrorOptions = {}) {
    super(code, message, options)
  }
}
