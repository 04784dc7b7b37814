import { describe, expect, test } from 'vitest'
import {
  assertNever,
  DisconnectReason,
  disconnectReasonName,
  ProtocolError,
  SshError,
  UsageError,
} from './errors.ts'

describe('SshError', () => {
  test('carries code, message, cause and the name of its class', () => {
    const cause = new Error('below')
    const error = new SshError('SSH_X', 'it broke', { cause })
    expect(error).toMatchObject({ name: 'SshError', code: 'SSH_X', message: 'it broke', cause })
    expect('cause' in new SshError('SSH_X', 'it broke')).toBe(false)
    expect(Object.keys(error)).toEqual(['code'])
  })

  test('is recognises errors of other copies of the class, and nothing else', () => {
    const foreign = Object.assign(new Error('x'), { [Symbol.for('@hawser/SshError')]: true })
    expect(SshError.is(foreign)).toBe(true)
    expect(SshError.is(new ProtocolError('x'))).toBe(true)
    expect(SshError.is(new Error('x'))).toBe(false)
    expect(SshError.is({ [Symbol.for('@hawser/SshError')]: true })).toBe(false)
    expect(SshError.is(undefined)).toBe(false)
  })

  test('the fault decides the class', () => {
    expect(new ProtocolError('x')).toMatchObject({
      name: 'ProtocolError',
      code: 'SSH_PROTOCOL_ERROR',
      disconnectReason: 2,
    })
    expect(
      new ProtocolError('x', { code: 'SSH_Y', disconnectReason: DisconnectReason.macError }),
    ).toMatchObject({ code: 'SSH_Y', disconnectReason: 5 })
    expect(new UsageError('x')).toMatchObject({ name: 'UsageError', code: 'SSH_USAGE' })
  })
})

test('disconnect reasons have the numbers 1 to 15 and the names of RFC 4250 §4.2.2', () => {
  expect(Object.values(DisconnectReason)).toEqual(Array.from({ length: 15 }, (_, at) => at + 1))
  expect(disconnectReasonName(3)).toBe('KEY_EXCHANGE_FAILED')
  expect(disconnectReasonName(15)).toBe('ILLEGAL_USER_NAME')
  expect(disconnectReasonName(99)).toBe('99')
})

test('assertNever throws for what the types did not foresee', () => {
  expect(() => assertNever('surprise' as never)).toThrow('unexpected value surprise')
})
