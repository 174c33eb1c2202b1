//! HTML, piece by piece, with everything that is no markup escaped.

/// A document, or a part of one.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Appends markup as it stands.
    pub(super) fn raw(&mut self, markup: &str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Appends text.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
        self
    }

    /// Appends text in which backquotes stand around code.
    pub(super) fn prose(&mut self, text: &str) -> &mut Self {
        for (place, part) in text.split('`').enumerate() {
            if place % 2 == 1 {
                self.element("code", part);
            } else {
                self.text(part);
            }
        }
        self
    }

    /// Appends an element with text in it; `tag` may have attributes.
    pub(super) fn element(&mut self, tag: &str, text: &str) -> &mut Self {
        let name = tag.split(' ').next().unwrap_or_default();
        self.raw("<").raw(tag).raw(">").text(text);
        self.raw("</").raw(name).raw(">")
    }

    /// Appends a paragraph of prose; nothing if there is none.
    pub(super) fn paragraph(&mut self, text: &str) -> &mut Self {
        if text.is_empty() {
            return self;
        }
        self.raw("<p>").prose(text).raw("</p>")
    }

    /// Appends a heading that can be linked to.
    pub(super) fn heading(&mut self, level: u8, id: &str, text: &str) -> &mut Self {
        self.open(&format!("h{level}"), id).prose(text);
        self.raw(&format!("</h{level}>"))
    }

    /// Appends the beginning of an element that can be linked to.
    pub(super) fn open(&mut self, tag: &str, id: &str) -> &mut Self {
        self.raw("<").raw(tag).raw(" id=\"").text(id).raw("\">")
    }

    /// Appends a link within the page.
    pub(super) fn link(&mut self, id: &str, text: &str) -> &mut Self {
        self.raw("<a href=\"#")
            .text(id)
            .raw("\">")
            .text(text)
            .raw("</a>")
    }

    /// Appends a table of prose; nothing if it has no rows.
    pub(super) fn table(&mut self, heads: &[&str], rows: &[Vec<Self>]) -> &mut Self {
        if rows.is_empty() {
            return self;
        }
        self.raw("<div class=\"table\"><table><thead><tr>");
        for head in heads {
            self.element("th", head);
        }
        self.raw("</tr></thead><tbody>");
        for row in rows {
            self.raw("<tr>");
            for cell in row {
                self.raw("<td>").raw(&cell.0).raw("</td>");
            }
            self.raw("</tr>");
        }
        self.raw("</tbody></table></div>")
    }

    /// Appends JSON, a field a line.
    pub(super) fn json(&mut self, value: &serde_json::Value) -> &mut Self {
        self.element("pre", &format!("{value:#}"))
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// A cell of code.
pub(super) fn code(text: &str) -> Html {
    let mut cell = Html::default();
    cell.element("code", text);
    cell
}

/// A cell of prose.
pub(super) fn prose(text: &str) -> Html {
    let mut cell = Html::default();
    cell.prose(text);
    cell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_markup_is_escaped() {
        let mut html = Html::default();
        html.prose("a < b, `<&>\"'`")
            .element("p class=\"x\"", "<b>");
        let expected =
            "a &lt; b, <code>&lt;&amp;&gt;&quot;&#39;</code><p class=\"x\">&lt;b&gt;</p>";
        assert_eq!(html.into_text(), expected);
    }
}
