import { raw } from 'hono/html'
import MarkdownIt from 'markdown-it'

/** Characters. More is a document: it belongs on a page of its own, and rendering it holds up everybody's requests. */
const MAX_LENGTH = 20_000
/** Quotes in lists in quotes: what is deeper is text. */
const MAX_NESTING = 20

/** Where a link may lead. Relative ones have no meaning: a description is shown on several pages. */
const LINKS = /^(https?:\/\/|mailto:)/i

const markdown = new MarkdownIt({ html: false, linkify: true, maxNesting: MAX_NESTING })
markdown.validateLink = (url) => LINKS.test(url)
// "site.example" is as often a file's name as a host's.
markdown.linkify.set({ fuzzyLink: false, fuzzyIP: false, fuzzyEmail: false })

markdown.renderer.rules['link_open'] = (tokens, index, options, _env, self) => {
  tokens[index]?.attrSet('rel', 'nofollow noopener ugc')
  return self.renderToken(tokens, index, options)
}
// Pages load nothing from elsewhere: an image is a link to it.
markdown.renderer.rules['image'] = (tokens, index) => {
  const { escapeHtml } = markdown.utils
  const token = tokens[index]
  const source = escapeHtml(String(token?.attrGet('src') ?? ''))
  const text = escapeHtml(token?.content || 'image')
  // Within a link there can be no other.
  const isInLink = tokens.slice(0, index).reduce((depth, { type }) => {
    if (type === 'link_open') return depth + 1
    return type === 'link_close' ? depth - 1 : depth
  }, 0)
  return isInLink ? text : `<a href="${source}" rel="nofollow noopener ugc">${text}</a>`
}
// The page has its own headings above.
for (const rule of ['heading_open', 'heading_close'])
  markdown.renderer.rules[rule] = (tokens, index, options, _env, self) => {
    const token = tokens[index]
    if (token) token.tag = `h${Math.min(6, Number(token.tag.slice(1)) + 2)}`
    return self.renderToken(tokens, index, options)
  }

// Columns are aligned by inline styles, which pages do not allow.
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

/** The words of it in one line, for lists. */
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
  // Not half of a character.
  return `${words.slice(0, length - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}

function bounded(text: string): string {
  if (text.length <= MAX_LENGTH) return text
  return `${text.slice(0, MAX_LENGTH)}\n\n*The rest is not shown: the text has ${text.length} characters.*`
}
