/** The origin of an app or of an extension: `capacitor://localhost`, `chrome-extension://…`. Its host keeps its case. */
const OF_APP = /^(?!(?:https?|wss?|ftp|file):)[a-z][a-z0-9+.-]*:\/\/[^\s/?#@*"'\\]+$/

/** Common mistakes, in the order in which they are checked, and what to do. */
const MISTAKES: [sign: RegExp, advice: string][] = [
  [/\*/, 'must not have *: name each origin'],
  [/^null$/i, 'must not have null, which any page can send: name the origins'],
  [/^[["']|["'\]]$/, 'must be separated by commas, without brackets and quotes'],
  [/[\s;|]/, 'must be separated by commas'],
  [/^(?![a-z][a-z0-9+.-]*:\/\/)/i, 'must begin with a scheme, such as https:// or capacitor://'],
  [/^[^/]*\/\/[^/]*\/+$/, 'must not end with a slash: browsers send an origin without one'],
  [/^[^/]*\/\/[^/?#]*[/?#]/, 'must end after the host and the port: an origin has no path'],
  [/@/, 'must have no user and no password'],
  [/[A-Z]/, 'must be in lower case, as browsers send it'],
  [/^(http:\/\/.*:80|https:\/\/.*:443)$/, 'must leave out the default port, as browsers do'],
]

/**
 * Why a text is not an origin that a browser or an app can send, in words that continue the name of the variable.
 * `undefined` if it is one. https://www.rfc-editor.org/rfc/rfc6454#section-7
 */
export const originMistake = (text: string): string | undefined => {
  if (OF_APP.test(text) || (/^https?:\/\/[^*]+$/.test(text) && URL.parse(text)?.origin === text))
    return undefined
  return (
    MISTAKES.find(([sign]) => sign.test(text))?.[1] ??
    'must be exact origins, such as https://app.example.com'
  )
}
