import js from '@eslint/js';
import globals from 'globals';

export default [
  { ignores: ['**/node_modules/'] },
  js.configs.recommended,
  {
    rules: {
      'no-console': ['error', { allow: ['error'] }],
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-restricted-properties': [
        'error',
        ...['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'setHTMLUnsafe'].map((property) => ({
          property,
          message: 'Text never becomes markup here.',
        })),
      ],
      'no-var': 'error',
      'prefer-const': 'error',
      eqeqeq: 'error',
      'max-lines': ['error', 250],
    },
  },
  { files: ['src/transport/page/*.js'], languageOptions: { globals: globals.browser } },
  // What a test has the browser do stands among what it does itself.
  { files: ['tests/page/*.mjs', 'tests/page/*.js'], languageOptions: { globals: { ...globals.browser, ...globals.node } } },
];
