import { expect, test } from 'vitest'
import { AgentReply, AgentRequest, agentMessageName, KeyConstraint, SignatureFlag } from './numbers.ts'

test('the numbers are those of RFC 9987', () => {
  expect(Object.values(AgentRequest)).toEqual([11, 13, 17, 18, 19, 20, 21, 22, 23, 25, 26, 27])
  expect(Object.values(AgentReply)).toEqual([5, 6, 12, 14, 28, 29])
  expect(Object.values(KeyConstraint)).toEqual([1, 2, 255])
  expect(Object.values(SignatureFlag)).toEqual([2, 4])
})

test.each([
  [13, 'signRequest'],
  [29, 'extensionResponse'],
  [200, '200'],
])('message %i is called %s', (number, name) => {
  expect(agentMessageName(number)).toBe(name)
})
