export { AgentReply, AgentRequest, agentMessageName, KeyConstraint, SignatureFlag } from './numbers.ts'
