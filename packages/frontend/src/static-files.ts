import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { extname, join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { type Context, Hono } from 'hono'

const PATTERNFLY = join(
  createRequire(import.meta.url).resolve('@patternfly/patternfly/package.json'),
  '..',
)
const OWN = new URL('./static/', import.meta.url)

/** The PatternFly components that pages use; all of PatternFly would be five times as large. */
const COMPONENTS = [
  'Alert/alert',
  'Breadcrumb/breadcrumb',
  'Button/button',
  'Card/card',
  'CodeBlock/code-block',
  'DescriptionList/description-list',
  'EmptyState/empty-state',
  'Form/form',
  'FormControl/form-control',
  'HelperText/helper-text',
  'Label/label',
  'ProgressStepper/progress-stepper',
  'Table/table',
  'Table/table-grid',
  'Tabs/tabs',
  'Title/title',
]
const CONTENT_TYPE: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
}

const STYLE = Buffer.concat([
  ...['patternfly-base', ...COMPONENTS.map((name) => `components/${name}`)].map((name) =>
    readFileSync(join(PATTERNFLY, `${name}.css`)),
  ),
  readFileSync(new URL('site.css', OWN)),
])
const OWN_FILES = ['site.js', 'favicon.svg'].map(
  (name) => [name, readFileSync(new URL(name, OWN))] as const,
)
const TEXTS = new Map(
  [['site.css', STYLE] as const, ...OWN_FILES].map(([name, bytes]) => [name, encodingsOf(bytes)]),
)
const VERSION = createHash('sha256')
  .update(Buffer.concat([STYLE, ...OWN_FILES.map(([, bytes]) => bytes)]))
  .digest('hex')
  .slice(0, 12)

/** The URL of a static file, which changes with the contents, so that browsers may cache it without limit. */
export function staticUrl(name: 'site.css' | 'site.js' | 'favicon.svg'): string {
  return `/static/${VERSION}/${name}`
}

export function staticRoutes(): Hono {
  const app = new Hono({ strict: false })
  app.get('/:version/assets/fonts/:family/:file{[A-Za-z0-9-]+\\.woff2}', async (c) => {
    const { family, file } = c.req.param()
    if (!/^[A-Za-z]+$/.test(family)) return await c.notFound()
    const bytes = await readFile(join(PATTERNFLY, 'assets/fonts', family, file)).catch(
      () => undefined,
    )
    return bytes ? send(c, file, bytes) : await c.notFound()
  })
  app.get('/:version/:file', async (c) => {
    const { file } = c.req.param()
    const encodings = TEXTS.get(file)
    if (!encodings) return await c.notFound()
    const accepted = c.req.header('accept-encoding') ?? ''
    const encoding = (['br', 'gzip'] as const).find((each) => accepted.includes(each))
    c.header('Vary', 'Accept-Encoding')
    if (encoding) c.header('Content-Encoding', encoding)
    return send(c, file, encodings[encoding ?? 'plain'])
  })
  return app
}

function send(c: Context, file: string, bytes: Buffer): Response {
  c.header('Content-Type', CONTENT_TYPE[extname(file)] ?? 'application/octet-stream')
  c.header('Cache-Control', 'public, max-age=31536000, immutable')
  return c.body(new Uint8Array(bytes))
}

function encodingsOf(plain: Buffer): Record<'plain' | 'gzip' | 'br', Buffer> {
  return {
    plain,
    gzip: gzipSync(plain),
    br: brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 6 } }),
  }
}
