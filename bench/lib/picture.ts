/** Results as an SVG picture: a group of bars per piece of work, as long as their part of the best. */

import { better, type Result } from './report.ts'

export const colours: Readonly<Record<string, string>> = {
  hawser: '#0a7d55',
  '@hawser/client': '#53b08f',
  'hawser ssh2-compat': '#53b08f',
  'ssh2 plain JS': '#b9bec7',
  'ssh2 + addon': '#7f8794',
  OpenSSH: '#3c6eb4',
  sftp: '#3c6eb4',
}
const bar = { left: 16, name: 150, width: 430, height: 14, step: 19 }

export function picture(results: readonly Result[]): string {
  const parts: string[] = []
  let y = 14
  for (const work of new Set(results.map((r) => r.work))) {
    const rows = results.filter((r) => r.work === work)
    y += 18
    parts.push(text(bar.left, y, `${work} (${rows[0]?.unit ?? ''})`, 'font-weight="600"'))
    y += 8
    const best = rows.reduce((a, b) => (better(a.unit, a.speed, b.speed) >= 1 ? a : b))
    for (const row of rows) {
      const length = Math.max(2, bar.width * better(row.unit, row.speed, best.speed))
      parts.push(
        text(bar.left, y + 11, row.name, 'class="n"'),
        `<rect x="${bar.left + bar.name}" y="${y}" width="${length.toFixed(1)}" height="${bar.height}" rx="2" fill="${colours[row.name] ?? '#999'}"/>`,
        text(
          bar.left + bar.name + length + 6,
          y + 11,
          row.speed.toFixed(row.speed < 100 ? 2 : 0),
          'class="n"',
        ),
      )
      y += bar.step
    }
  }
  const [width, height] = [bar.left + bar.name + bar.width + 80, y + 30]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="hawser beside ssh2 and OpenSSH">
<style>text{font:13px system-ui,sans-serif;fill:#1f2430}.n{font-size:12px}</style>
<rect width="100%" height="100%" fill="#fff"/>
${parts.join('\n')}
${text(bar.left, height - 10, 'Longer is better. Medians, all measured in turn in one run.', 'class="n"')}
</svg>
`
}

function text(x: number, y: number, content: string, more: string): string {
  const safe = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${safe}</text>`
}
