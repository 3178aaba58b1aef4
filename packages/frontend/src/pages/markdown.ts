import { raw } from 'hono/html'
import MarkdownIt from 'markdown-it'

/** Maximum number of characters that are rendered. Rendering more would block other requests for too long. */
const MAX_LENGTH = 20_000
/** Maximum nesting of quotes and lists; deeper levels are rendered as text. */
const MAX_NESTING = 20

/** The allowed targets of links. Relative links are excluded, because a description is shown on several pages. */
const LINKS = /^(https?:\/\/|mailto:)/i

const markdown = new MarkdownIt({ html: false, linkify: true, maxNesting: MAX_NESTING })
markdown.validateLink = (url) => LINKS.test(url)
// Text such as "site.example" is not linked, because it may be a file name as well as a host name.
markdown.linkify.set({ fuzzyLink: false, fuzzyIP: false, fuzzyEmail: false })

markdown.renderer.rules['link_open'] = (tokens, index, options, _env, self) => {
  tokens[index]?.attrSet('rel', 'nofollow noopener ugc')
  return self.renderToken(tokens, index, options)
}
// Pages load nothing from other sites, so an image is rendered as a link.
markdown.renderer.rules['image'] = (tokens, index) => {
  const { escapeHtml } = markdown.utils
  const token = tokens[index]
  const source = escapeHtml(String(token?.attrGet('src') ?? ''))
  const text = escapeHtml(token?.content || 'image')
  // HTML links cannot be nested, so an image inside a link is rendered as its text.
  const isInLink = tokens.slice(0, index).reduce((depth, { type }) => {
    if (type === 'link_open') return depth + 1
    return type === 'link_close' ? depth - 1 : depth
  }, 0)
  return isInLink ? text : `<a href="${source}" rel="nofollow noopener ugc">${text}</a>`
}
// Headings in the text are lowered by two levels, so that they are below the headings of the page itself.
for (const rule of ['heading_open', 'heading_close'])
  markdown.renderer.rules[rule] = (tokens, index, options, _env, self) => {
    const token = tokens[index]
    if (token) token.tag = `h${Math.min(6, Number(token.tag.slice(1)) + 2)}`
    return self.renderToken(tokens, index, options)
  }

// The alignment of table columns would be an inline style, which the Content-Security-Policy forbids.
for (const rule of ['th_open', 'td_open'])
  markdown.renderer.rules[rule] = (tokens, index, options, _env, self) => {
    const token = tokens[index]
    if (token) token.attrs = null
    return self.renderToken(tokens, index, options)
  }

/** Renders an owner's Markdown; raw HTML in it is shown as text, and links lead only to http, https and mailto URLs. */
export function renderMarkdown(text: string): ReturnType<typeof raw> {
  return raw(`<div class="markdown">${markdown.render(bounded(text))}</div>`)
}

/** Converts Markdown to one line of plain text of at most `length` characters, for lists. */
export function plainExcerpt(text: string, length = 200): string {
  const words = markdown
    .parse(text.slice(0, 4 * length), {})
    .flatMap(({ children, type, content }) => {
      if (children)
        return children.map((child) => (child.type.endsWith('break') ? ' ' : child.content))
      return type === 'fence' || type === 'code_block' ? [content, ' '] : [' ']
    })
    .join('')
    .replaceAll(/\s+/g, ' ')
    .trim()
  if (words.length <= length) return words
  // Do not cut a surrogate pair in half.
  return `${words.slice(0, length - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}

function bounded(text: string): string {
  if (text.length <= MAX_LENGTH) return text
  return `${text.slice(0, MAX_LENGTH)}\n\n*The rest is not shown: the text has ${text.length} characters.*`
}
