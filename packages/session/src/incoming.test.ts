import { UsageError } from '@hawser/wire'
import { expect, test } from 'vitest'
import { handOver, IncomingRequest, RequestInbox } from './incoming.ts'

test('requests beyond 64 that nobody handles are refused; the others wait for their handler', () => {
  const inbox = new RequestInbox()
  const refused: number[] = []
  for (let at = 0; at < 70; at++)
    inbox.push(new IncomingRequest(`${at}`, new Uint8Array(0), (ok) => void (ok || refused.push(at))))
  expect(refused).toEqual([64, 65, 66, 67, 68, 69])
  const seen: string[] = []
  inbox.handler = ({ name }) => void seen.push(name)
  expect(seen).toEqual(Array.from({ length: 64 }, (_, at) => `${at}`))
})

test('a second answer to a request is the caller’s mistake, and changes nothing', () => {
  const answers: boolean[] = []
  const request = new IncomingRequest('x', new Uint8Array(0), (ok) => void answers.push(ok))
  request.reject()
  expect(() => request.accept()).toThrow(UsageError)
  expect(answers).toEqual([false])
})

test('what a handler that throws has not answered is refused, once, and what it has is left alone', () => {
  const asked = (answered: boolean) => ({
    answered,
    refused: 0,
    reject(): void {
      this.refused++
    },
  })
  const bug = new Error('a bug of the application')
  for (const answered of [false, true]) {
    const one = asked(answered)
    expect(() =>
      handOver(one, () => {
        throw bug
      }),
    ).toThrow(bug)
    expect(one.refused).toBe(answered ? 0 : 1)
  }
  const quiet = asked(false)
  handOver(quiet, () => undefined)
  expect(quiet.refused).toBe(0)
})
