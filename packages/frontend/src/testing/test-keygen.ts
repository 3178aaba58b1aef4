import { CoprError } from '@copr/process/errors'
import type { Frontend } from '../frontend.ts'

/**
 * A keygen that makes no keys and seals secrets by reversing their bytes. Like the real one, it opens them only for the same purpose and
 * context.
 */
export function testKeygen(): Frontend['keygen'] {
  const prefix = ({ purpose, context }: { purpose: string; context: string }): string =>
    `${purpose} ${context}\n`
  return {
    makeKey: () => Promise.reject(new Error('no keygen in this test')),
    seal: async ({ secret, ...name }) => Buffer.from(`${prefix(name)}${secret}`).reverse(),
    async open({ sealed, ...name }) {
      const text = Buffer.from(sealed).reverse().toString()
      if (!text.startsWith(prefix(name)))
        throw new CoprError('invalid', 'Cannot open the secret: it was sealed for another use')
      return text.slice(prefix(name).length)
    },
  }
}
