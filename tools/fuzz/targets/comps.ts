import { CoprError } from '@copr/process/errors'
import { checkComps } from '../../../packages/domain/src/projects/comps.ts'
import { COMPS_ELEMENTS } from '../../../packages/domain/src/projects/comps-elements.ts'
import { mutateList, pick } from '../mutate.ts'
import { type FuzzTarget, refusing } from '../target.ts'

const WORDS = [
  ...Object.keys(COMPS_ELEMENTS).flatMap((name) => [`<${name}>`, `</${name}>`, `<${name}/>`]),
  '<name xml:lang="de">',
  '<packagereq type="mandatory">',
  'xmlns:h="http://www.w3.org/1999/xhtml"',
  '<h:script>',
  '<?xml-stylesheet href="x"?>',
  '<!DOCTYPE comps>',
  '<!DOCTYPE comps [<!ENTITY a "b">]>',
  '<!--',
  '-->',
  '<![CDATA[',
  ']]>',
  '&amp;',
  '&#0;',
  '&#x10ffff;',
  '&a;',
  '\ufeff',
]
const KNOWN = new Set(Object.keys(COMPS_ELEMENTS))

/** Throws if XML that the parser accepted contains markup other than the known elements. This is a second, simpler check. */
function requireInert(xml: string): void {
  const plain = xml
    .replaceAll(/<!--[^]*?-->/g, '')
    .replaceAll(/<!\[CDATA\[[^]*?\]\]>/g, '')
    .replace(/^\ufeff?<\?xml[^?]*\?>/, '')
    .replace(/<!DOCTYPE[^>]*>/, '')
  for (const [tag] of plain.matchAll(/<[^>]*>?/g)) {
    const [, name = '', rest = ''] = /^<\/?([\w.:-]+)([^>]*)>$/.exec(tag) ?? []
    if (!KNOWN.has(name) || /xmlns|\bon\w+\s*=|href/.test(rest.replaceAll(/"[^"]*"|'[^']*'/g, '')))
      throw new Error(`It accepts ${tag.slice(0, 200)}`)
  }
}

export const comps: FuzzTarget = {
  name: 'comps',
  words: WORDS,
  seeds: () => [
    Buffer.from(
      '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE comps PUBLIC "-//x//y" "comps.dtd">\n<comps><group><id>a</id><name xml:lang="de">b &amp; c</name><packagelist><packagereq type="default">d</packagereq></packagelist></group></comps>\n',
    ),
    Buffer.from(
      '<comps><!-- x --><environment><id>a</id><description><![CDATA[<b>]]></description><optionlist><groupid default="true">c</groupid></optionlist></environment><langpacks><match name="a" install="b"/></langpacks></comps>',
    ),
  ],
  mutate: (input, random) => {
    const pieces = input.toString('utf8').split(/(?=<)|(?<=>)/)
    return Buffer.from(mutateList(pieces, random, () => pick(WORDS, random)).join(''))
  },
  run: async (input) => {
    const xml = input.toString('utf8')
    await refusing(async () => {
      await checkComps(xml)
      requireInert(xml)
    }, CoprError)
  },
}
