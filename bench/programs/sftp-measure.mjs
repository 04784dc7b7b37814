// What the SFTP programs share: one measured run, and a source of bytes.
import { Readable } from 'node:stream'

/** Runs `work` and gives its amount, its seconds, its CPU seconds, and by how many bytes its memory grew at the most. */
export async function measure(work) {
  globalThis.gc?.()
  const before = process.memoryUsage.rss()
  let most = before
  const sample = () => {
    most = Math.max(most, process.memoryUsage.rss())
  }
  const timer = setInterval(sample, 100)
  const cpu = process.cpuUsage()
  const start = process.hrtime.bigint()
  const amount = await work()
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  const { user, system } = process.cpuUsage(cpu)
  clearInterval(timer)
  sample()
  return { amount, seconds, cpu: (user + system) / 1e6, grown: most - before }
}

/** Does `job` for 0 to `count` - 1, thirty-two at a time. */
export async function some(count, job) {
  let next = 0
  const worker = async () => {
    while (next < count) await job(next++)
  }
  await Promise.all(Array.from({ length: 32 }, worker))
  return count
}

/** `bytes` zeros in chunks of 64 KiB. */
export function zeros(bytes) {
  const chunk = Buffer.alloc(65_536)
  let left = bytes
  return new Readable({
    highWaterMark: 65_536,
    read() {
      if (left === 0) this.push(null)
      else {
        const part = left < chunk.length ? chunk.subarray(0, left) : chunk
        left -= part.length
        this.push(part)
      }
    },
  })
}
