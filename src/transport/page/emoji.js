// The emoji that one can pick, in the order in which they are offered.

/** @type {[string, string][]} */
export const EMOJI = [
  ['Faces', '😀 😃 😄 😁 😅 😂 🤣 🙂 😉 😊 😇 🥰 😍 😘 😋 😜 🤪 🤗 🤔 🤨 😐 😏 🙄 😬 😌 😴 🤒 🥳 😎 🤓 😕 😮 🥺 😢 😭 😤 😡 😱 🤯 🫣'],
  ['Hands and people', '👋 👍 👎 👌 🤞 ✌️ 🤙 👏 🙌 🙏 🤝 💪 👀 🫶 🤷 🤦 🙋 💃 🏃 🧘'],
  ['Hearts and signs', '❤️ 🧡 💛 💚 💙 💜 🖤 💔 💯 ✨ 🔥 ⭐ ✅ ❌ ❓ ❗ 💤 🎉 🎂 🎁'],
  ['Nature and food', '🐶 🐱 🦊 🐻 🐼 🐸 🐝 🦋 🌸 🌻 🌲 🌈 ☀️ 🌧️ ❄️ 🍎 🍓 🍕 🍔 🍣 🍰 🍫 ☕ 🍺 🍷'],
  ['Things and places', '⚽ 🎮 🎸 🎧 📷 💻 📱 💡 📚 ✏️ 📌 📎 🔑 🏠 🚗 🚲 ✈️ 🚀 ⏰ 💰'],
];
