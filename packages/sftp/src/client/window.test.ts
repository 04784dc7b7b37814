import { describe, expect, test } from 'vitest'
import { settled } from './fake-server.test-kit.ts'
import { JobWindow } from './window.ts'

/** Jobs that end when told to. */
function jobs() {
  const ends: ((error?: Error) => void)[] = []
  const job = (): Promise<void> =>
    new Promise((resolve, reject) => ends.push((error) => (error === undefined ? resolve() : reject(error))))
  return { ends, job }
}

describe('a window of jobs', () => {
  test('runs so many at a time, and is idle when all are done', async () => {
    const { ends, job } = jobs()
    const window = new JobWindow(2)
    const starting = (async () => {
      for (let i = 0; i < 5; i++) await window.start(job)
    })()
    await settled()
    expect(ends.length).toBe(2)
    ends[1]?.()
    await settled()
    expect(ends.length).toBe(3)
    ends[0]?.()
    ends[2]?.()
    await settled()
    expect(ends.length).toBe(5)
    await starting
    let idle = false
    const waiting = window.idle().then(() => {
      idle = true
    })
    ends[3]?.()
    await settled()
    expect(idle).toBe(false)
    ends[4]?.()
    await waiting
    await window.idle()
  })

  test('starts nothing after a failure, waits for what runs, and tells the first one', async () => {
    const { ends, job } = jobs()
    const window = new JobWindow(3)
    await window.start(job)
    await window.start(job)
    const first = new Error('first')
    ends[0]?.(first)
    await settled()
    await expect(window.start(job)).rejects.toBe(first)
    expect(ends.length).toBe(2)
    const idle = window.idle()
    ends[1]?.(new Error('second'))
    await expect(idle).rejects.toBe(first)
  })
})
