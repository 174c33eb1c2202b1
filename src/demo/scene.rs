//! Who is in the demo, and what they have said.

/// Their names and e-mail addresses, in the order in which they register.
pub(super) const PEOPLE: [(&str, &str); 3] = [
    ("Ana", "ana@example.org"),
    ("Ben", "ben@example.org"),
    ("Cleo", "cleo@example.org"),
];

/// The password of each: the database is thrown away.
pub(super) const PASSWORD: &str = "correct horse";

/// One conversation.
pub(super) struct Scene {
    /// Who opens it, and with whom.
    pub(super) between: [&'static str; 2],
    /// Who says what. Whoever does not say the last of it has it unread.
    pub(super) lines: &'static [(&'static str, &'static str)],
}

/// Every conversation, the one with the newest activity last.
pub(super) const SCENES: &[Scene] = &[
    Scene {
        between: ["Cleo", "Ben"],
        lines: &[
            ("Cleo", "Hi Ben, the landlord has answered at last 🎉"),
            ("Ben", "And?"),
            (
                "Cleo",
                "We can have the room on the third floor from March. He wants one month as a deposit, not three.",
            ),
            ("Ben", "That is the best news of the week."),
            (
                "Ben",
                "Did he say anything about the window that does not close?",
            ),
            ("Cleo", "\"It builds character.\""),
            ("Ben", "😂"),
            (
                "Ben",
                "I'll bring tape. Shall we look at it together on Thursday?",
            ),
            ("Cleo", "Thursday is good. After six?"),
            ("Ben", "Half past six, in front of the house."),
        ],
    },
    Scene {
        between: ["Ana", "Cleo"],
        lines: &[
            (
                "Ana",
                "Cleo, do you still have the notes from the workshop?",
            ),
            (
                "Cleo",
                "All eleven pages. Do you want them as they are, with the coffee on page four?",
            ),
            ("Ana", "The coffee is the best part."),
            (
                "Cleo",
                "In short:\n\n1. Say who decides.\n2. Write it down the same day.\n3. Ask again after a month.",
            ),
            ("Ana", "That is shorter than I remember it 😄"),
            ("Ana", "Thank you! I need the second one for tomorrow."),
            (
                "Cleo",
                "Then you should know what Ben made of it: https://example.org/minutes/2026-11?view=all#second",
            ),
            ("Cleo", "He has drawn a diagram. There are arrows."),
        ],
    },
    Scene {
        between: ["Ben", "Ana"],
        lines: &[
            ("Ben", "Morning! Are we still on for Saturday?"),
            (
                "Ana",
                "Of course. The forecast says rain until ten and then sun.",
            ),
            (
                "Ben",
                "Then we take the train at 10:12 and walk up from the lake.",
            ),
            (
                "Ana",
                "Perfect. I'll bring the map, my phone never finds anything up there.",
            ),
            ("Ben", "Neither does mine. Sandwiches?"),
            (
                "Ana",
                "Two with cheese for me, please. And one for the dog.",
            ),
            ("Ben", "You don't have a dog."),
            ("Ana", "There is always a dog."),
            ("Ben", "Fair. Three with cheese then 🧀"),
            (
                "Ana",
                "See you on platform 2. I'll be the one with the map.",
            ),
            (
                "Ben",
                "And I the one who is late. Shall I ask Cleo to come along?",
            ),
        ],
    },
];
