import type { Outcome } from './outcomes.ts'

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** Parses pytest's report in JUnit format. */
export function outcomesOfReport(xml: string): Outcome[] {
  return [...xml.matchAll(/<testcase ([^>]*?)(?:\/>|>(.*?)<\/testcase>)/gs)].map(
    ([, attributes = '', content = '']) => {
      const [file, line] = [attribute(attributes, 'classname'), attribute(attributes, 'name')]
      const message = /<(?:failure|error) ([^>]*)/.exec(content)?.[1]
      return {
        suite: 'api',
        name: `${nameOf(file)}::${line}`,
        holds: !/<(?:failure|error|skipped)\b/.test(content),
        text: attribute(message ?? '', 'message')
          .replaceAll(/\s+/g, ' ')
          .slice(0, 200),
      }
    },
  )
}

/** `tests.test_apiv3.test_builds.TestBuilds` becomes `test_apiv3/test_builds.py::TestBuilds`. */
function nameOf(classname: string): string {
  const parts = classname.replace(/^.*\btests\./, '').split('.')
  const type = parts.pop() ?? ''
  return `${parts.join('/')}.py::${type}`
}

function attribute(attributes: string, name: string): string {
  const value = new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(attributes)?.[1] ?? ''
  return value.replaceAll(/&(?:#(\d+)|#x([\da-f]+)|(\w+));/gi, (whole, decimal, hex, entity) => {
    if (typeof entity === 'string') return ENTITIES[entity] ?? whole
    const code = typeof decimal === 'string' ? Number(decimal) : Number.parseInt(String(hex), 16)
    return String.fromCodePoint(code)
  })
}
