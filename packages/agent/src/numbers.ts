/** The numbers of the agent protocol (RFC 9987): messages, constraints, signature flags. */

/** What a client asks of an agent. */
export const AgentRequest = {
  requestIdentities: 11,
  signRequest: 13,
  addIdentity: 17,
  removeIdentity: 18,
  removeAllIdentities: 19,
  addSmartcardKey: 20,
  removeSmartcardKey: 21,
  lock: 22,
  unlock: 23,
  addIdentityConstrained: 25,
  addSmartcardKeyConstrained: 26,
  extension: 27,
} as const
export type AgentRequest = (typeof AgentRequest)[keyof typeof AgentRequest]

/** What an agent answers. */
export const AgentReply = {
  failure: 5,
  success: 6,
  identitiesAnswer: 12,
  signResponse: 14,
  extensionFailure: 28,
  extensionResponse: 29,
} as const
export type AgentReply = (typeof AgentReply)[keyof typeof AgentReply]

/** Limits on the use of a key that is added. */
export const KeyConstraint = {
  lifetime: 1,
  confirm: 2,
  extension: 255,
} as const
export type KeyConstraint = (typeof KeyConstraint)[keyof typeof KeyConstraint]

/** Which signature algorithm an RSA key signs with; without a flag it is ssh-rsa. */
export const SignatureFlag = {
  rsaSha2_256: 0x02,
  rsaSha2_512: 0x04,
} as const
export type SignatureFlag = (typeof SignatureFlag)[keyof typeof SignatureFlag]

/** The name of a message in our case, such as `signRequest`; its number when the RFC has none. */
export function agentMessageName(number: number): string {
  for (const [name, value] of [...Object.entries(AgentRequest), ...Object.entries(AgentReply)])
    if (value === number) return name
  return String(number)
}
