"""The fixed phrases of the RULER prompts (NVIDIA/RULER, Apache-2.0), whose words become single tokens."""

from __future__ import annotations

INTRO_ONE = (
    "A special magic number is hidden within the following text. Make sure to memorize it. "
    "I will quiz you about the number afterwards.\n"
)
NOISE = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."
VT_INTRO = "Memorize and track the chain(s) of variable assignment hidden in the following text.\n\n"

# The order decides the token ids.
TEMPLATE_TEXTS = (
    f"{INTRO_ONE}One of the special magic numbers for: is.",
    "Some special magic numbers are hidden within the following text. I will quiz you about the numbers afterwards.",
    "special magic uuid uuids Some What are all the",
    "\nWhat is the special magic number for mentioned in the provided text? "
    "The special magic number for mentioned in the provided text is, and",
    f"{NOISE}\n",
    f"{VT_INTRO}VAR = VAR \n",
    "\nQuestion: Find all variables that are assigned the value in the text above. Answer: According to "
    "the chain(s) of variable assignment in the text above, variables are assigned the value, they are:  \n",
    "Below is a numbered list of words. In these words, some appear more often than others. Memorize the "
    "ones that appear most often.\nQuestion: What are the most common words in the above list? Answer: The "
    "top words that appear most often in the list are:",
    "Read the following coded text and track the frequency of each coded word. Find the three most "
    "frequently appeared coded words. ... Do not provide any explanation. Please ignore the dots. What are "
    "the three most frequently appeared words in the above coded text? According to the coded text above, "
    "the three most frequently appeared words are:",
)
