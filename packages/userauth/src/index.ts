export {
  type ServerAnnouncement,
  UserauthClient,
  type UserauthClientEvent,
  type UserauthClientOptions,
} from './client.ts'
export { AuthenticationError, TooManyAttemptsError } from './errors.ts'
export * as messages from './messages.ts'
export { isUserauthMessage, messageLimits } from './messages.ts'
export {
  type Attempt,
  type AttemptOutcome,
  type AttemptRecord,
  type AuthRequest,
  connectionService,
  type MethodName,
  methodNames,
  type Prompt,
} from './methods.ts'
export { UserauthServer, type UserauthServerEvent, type UserauthServerOptions } from './server.ts'
export {
  hostbasedSignatureData,
  hostboundSignatureData,
  publickeySignatureData,
  type SignatureSubject,
} from './signature-data.ts'
