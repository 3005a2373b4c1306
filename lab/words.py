"""The vocabulary of invented pages and drawn pictures: brands, products, headings, features, in several languages.

How quantities are printed is `lab.surface_forms`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def phrases(text: str) -> tuple[str, ...]:
    """The entries of a list written with bars between them."""
    return tuple(text.split("|"))


def weighted(rng: random.Random, shares: Mapping[T, float]) -> T:
    """One of the keys, by its share."""
    return rng.choices(list(shares), list(shares.values()))[0]


ROUND_PRODUCTS = phrases(
    "Mug|Tumbler|Water Bottle|Candle|Flower Pot|Vase|Storage Jar|Bowl|Round Plate|Ottoman|Pendant Lamp|Table Lamp|"
    "Glass Cup|Thermos|Bucket|Stool|Round Basket|Wine Glass|Canister|Frying Pan|Pot|Trash Can|Humidifier|Diffuser|"
    "Spice Jar|Pet Bowl|Planter|Travel Cup"
)
BOX_PRODUCTS = phrases(
    "Bookshelf|Cabinet|Sofa|Coffee Table|Desk|Storage Box|Backpack|Handbag|Suitcase|Nightstand|Shoe Rack|Office Chair|"
    "Dining Chair|Dresser|TV Stand|Toolbox|Lunch Box|Microwave|Wallet|Bench|Pet Carrier|Drawer Organizer|"
    "Bathroom Shelf|Mailbox|Bird House|Tote Bag|Speaker|Tent|Vanity|Recliner|Wagon|Cooler|Router|Car Seat|Dog Crate|"
    "Aquarium|Printer Stand|Crib"
)
FLAT_PRODUCTS = phrases(
    "Area Rug|Wall Art|Poster|Throw Blanket|Curtain|Tablecloth|Towel|Mouse Pad|Door Mat|Sticker|Photo Frame|Mirror|"
    "Flag|Banner|Phone Case|Cushion Cover|Bed Sheet|Place Mat|Tapestry|Sign|Keychain|Earrings|Bracelet Charm|Brooch|"
    "Patch|Screen Protector|Bandana|Shower Curtain"
)
THIN_PRODUCTS = phrases(
    "Chef Knife|Screwdriver|Spatula|Umbrella|Fishing Rod|Curtain Rod|Necklace|Pen|Tweezers|LED Tube|Hair Brush|"
    "Toothbrush|Wrench|Handle|Belt|Cable|Hinge|Drill Bit|Paint Brush|Towel Bar"
)
SIZE_TITLES = phrases(
    "Dimensions|Product Size|SIZE|Size Guide|Specifications|PRODUCT DIMENSIONS|PRODUCT SIZE|Size|DIMENSIONS|Dimension|"
    "Product Dimensions|Size Chart|SIZE INFORMATION|Size Information|Product Parameters|Measurements|Specification|"
    "Size Display|Perfect Size|SIZE CHART|Product details|DETAILS|Item Size|Medidas|DIMENSIONES|Abmessungen|Dimensioni|"
    "Taille|Tamaño|Maße|Dimensions du produit|尺寸|Maattabel"
)
ERROR_NOTES = phrases(
    "Please allow {} error due to manual measurement|Note: {} deviation due to manual measurement|(±{})|"
    "*Error in manual measurement, thanks for your understanding|Tips: manual measurement, {} error|"
    "Please allow 1-3% difference|All measurements are approximate|There may be {} deviation in size|"
    "*Dimensions may vary slightly|measured by hand, error of {}"
)
MATERIALS = phrases(
    "Oak|Pine|Steel|Bamboo|MDF|Acacia wood|ABS|Stainless Steel|Cotton|Polyester|Silicone|PU Leather|Ceramic|Glass|"
    "Acrylic|Alloy|Aluminum|PVC|Resin|Oxford Cloth|Canvas|Plush"
)
COLORS = phrases("Black|White|Blue|Pink|Grey|Green|Red|Silver|Gold|Brown|Beige|Walnut|Navy|Rose Gold")
PART_WORDS = phrases(
    "Seat Height|Handle|Seat Width|Armrest|Strap|Shelf|Drawer|Inner|Inside|Opening|Backrest|Cushion|Leg|Clearance|"
    "Pocket|Handle Drop|Seat Depth|Screen|Cable Length|Base|Lid"
)
AXIS_WORDS = {
    "height": phrases("Height|HEIGHT|H|H|H|Height|height|High|Tall|Höhe|Altura|Hauteur|Alto|Altezza|Total Height|高"),
    "width": phrases("Width|WIDTH|W|W|W|Width|width|Wide|Breite|Ancho|Largeur|Larghezza|宽"),
    "depth": phrases("Depth|DEPTH|D|D|D|Depth|depth|Deep|Tiefe|Profundidad|Profondeur|Fondo"),
    "length": phrases("Length|LENGTH|L|L|Length|length|Long|Länge|Largo|Longueur|Lunghezza|长"),
    "thickness": phrases("Thickness|Thick|THICKNESS|T|Dicke|Espesor|Épaisseur"),
    "diameter": phrases("Diameter|DIA|Dia|Ø|Diameter|diameter|Diam.|Durchmesser|Diámetro|Ø|Φ"),
}
FEATURES = phrases(
    "Easy to Clean|Premium Quality|Durable|Waterproof|Non-Slip|Foldable Design|Easy Assembly|BPA FREE|Multi-purpose|"
    "Large Capacity|Lightweight|Portable|Eco-Friendly|Heavy Duty|Soft & Comfortable|Adjustable|Sturdy Structure|"
    "Leakproof|Rust Resistant|Scratch Resistant|Perfect Gift|Upgraded Version|Food Grade|High Quality|Energy Saving|"
    "Quick Release|Ergonomic Design|Breathable|Anti-Skid|Space Saving|Modern Design|Safe & Reliable|Hand Made|"
    "Strong and Durable|Wide Application|Fast Charging|Low Noise|Long Battery Life|Dishwasher Safe|Reusable|Odor Free|"
    "Easy to Install|Wear Resistant|Smooth Finish|Thickened Material|Reinforced Stitching|Wireless|Remote Control|"
    "Memory Function|One Touch"
)
SENTENCES = phrases(
    "Great for home, office and travel use|Made from high quality materials for long lasting use|"
    "Suitable for kitchen, bedroom and living room|Keeps your drinks hot or cold all day long|"
    "A great gift for friends and family|Designed with your comfort in mind|Fits most standard sizes|"
    "Simple installation, no tools required|Ideal for indoor and outdoor use|Enjoy a higher quality experience|"
    "The soft fabric is gentle on the skin|Provides strong support and stability|Store in a cool and dry place|"
    "Customer satisfaction is our priority|Contact us if you have any question|Wipe clean with a damp cloth|"
    "Protects floors from scratches and noise|Our promise: clean and simple|Take it everywhere you go|"
    "Designed and tested in our own laboratory|Works with most devices|Keep out of reach of children"
)
DECOYS = phrases(
    "100%|360°|{} PCS|{} pack|{} Pcs|24/7|{}+|No. {}|Since 19{}|{}% OFF|{} in 1|{} Colors|Step {}|{} Years Warranty|"
    "{}h|{} hours|{} min|{}°C|{}°F|${}.99|{} mAh|{}00mAh|{}0 RPM|{}Hz|{}dB|{}MP|{}GB|1080P|4K|IP6{}|Model: {}|A{}|X-{}|"
    "SPF {}|2023|2022|{} Layers|{}-Pack|{} Modes|{} sets|{}x Zoom|USB 3.0|{} tabs|Age {}+|LOT {}0{}|EXP 12/202{}|#{}|"
    "{}00 Thread Count|{}0 GSM|{} km/h|{} kcal|{}0000 times|R{}|M{}|WiFi 6|Bluetooth 5.0"
)
FOODS = phrases(
    "Roasted Almonds|Ground Coffee|Basmati Rice|Oat Granola|Dried Mango|Sea Salt Crisps|Red Lentils|Cocoa Powder|"
    "Green Tea|Trail Mix|Chia Seeds|Penne Pasta|Dark Chocolate|Peanut Butter|Whole Wheat Flour|Black Pepper|"
    "Cashew Nuts|Corn Flakes|Protein Powder|Dog Food|Cat Treats|Turmeric Powder|Garlic Salt|Gummy Bears|Beef Jerky|"
    "Pancake Mix|Brown Sugar|Cookies|Instant Noodles|Sunflower Seeds|Energy Bar|Matcha Powder|Chilli Powder|Sea Salt|"
    "Popcorn|Crackers|Honey|Jam"
)
LIQUIDS = phrases(
    "Body Wash|Olive Oil|Shampoo|Almond Drink|Hand Lotion|Maple Syrup|Facial Toner|Mouth Rinse|Cold Brew|Dish Soap|"
    "Apple Juice|Sparkling Water|Vinegar|Conditioner|Serum|Perfume|Essential Oil|Soy Sauce|Hot Sauce|Cleaner|"
    "Engine Oil|Sunscreen|Hand Soap|Lavender Oil|Micellar Water|Vodka|Red Wine|Glue|Ink|Paint|Energy Drink|Lemonade"
)
CREAMS = phrases(
    "Face Cream|Hair Mask|Body Scrub|Lip Balm|Shea Butter|Day Cream|Clay Mask|Hair Gel|Balm|Foot Cream|Eye Cream|"
    "Toothpaste"
)
SUPPLEMENTS = phrases(
    "Vitamin C|Omega-3 Fish Oil|Magnesium Citrate|Turmeric Curcumin|Vitamin D3|Zinc Picolinate|Biotin|"
    "Collagen Peptides|Creatine Monohydrate|Whey Protein|Ashwagandha|Probiotic|Melatonin|L-Carnitine|Milk Thistle|"
    "Multivitamin"
)
SLOGANS = phrases(
    "All Natural|Gluten Free|Small Batch|Gently Made|Family Recipe|No Added Sugar|Vegan Friendly|Made With Care|"
    "Non GMO|ORGANIC|USDA|KEEP REFRIGERATED|Original|NEW|Family Size|NO PRESERVATIVES|Made in USA|Premium|"
    "Artificially Flavored|Dermatologist Tested|Cruelty Free|Fragrance Free|RESEALABLE BAG|Kosher|DIETARY SUPPLEMENT|"
    "Hydrating|Rich in Fiber|Fresh & Clean|Spicy|Sweet & Salty|LIMITED EDITION|Classic Collection|Paraben Free|"
    "Good Source of Fiber|Sugar Free|Keto Friendly|Product of Italy|Fair Trade|Since 1952"
)
NET_WORDS = phrases(
    "NET WT|NET WT.|Net Wt|Net Wt.|NET WEIGHT|Net Weight|Net Weight:|NET WT:|NET|Net Qty|Net Quantity:|NET CONTENTS|"
    "Net Content:|Poids net|PESO NETO|Peso Netto|Nettogewicht|CONT. NET.|Contenido neto|Peso líquido|e|"
)
WEIGHT_WORDS = phrases(
    "Weight|Weight:|Item Weight:|Net Weight:|Product weight:|WEIGHT|Gewicht:|Peso:|Poids:|Total Weight:|Weight about|"
    "Item weight"
)
VOLUME_WORDS = phrases(
    "Capacity|Capacity:|Volume:|CAPACITY|Capacité:|Capacidad:|Volumen:|Water Tank|Capacity about|Fassungsvermögen|"
    "Volume"
)
LOAD_WORDS = phrases(
    "Max Load|MAX LOAD|Weight Capacity|WEIGHT CAPACITY|Weight Capacity:|Load Capacity|Holds up to|HOLDS UP TO|"
    "Supports up to|Up to|Max. Load:|Max Weight|Maximum Weight|Load Bearing|Max Weight Capacity|Maximum Load|"
    "Bearing Weight|Loading Weight|Max Capacity|Weight Limit|Supports|Max. Belastung|Carga máxima|Charge max|"
    "Portata max|User weight max|Load-bearing|MAX. CAPACITY|Can hold up to|Static Load|Maximum load:|"
    "Strong Bearing Capacity|Capacity|Loading Capacity|Weight Capability|Rider weight up to|Recommended weight:"
)
POWER_TITLES = phrases(
    "AC ADAPTER|AC/DC ADAPTER|SWITCHING ADAPTER|POWER ADAPTER|Battery Charger|Switching Power Supply|CHARGER|"
    "Power Supply|USB CHARGER"
)
APPLIANCES = phrases(
    "Electric Kettle|Hair Dryer|Space Heater|Vacuum Cleaner|Blender|Air Fryer|Rice Cooker|Toaster|Table Fan|Air Pump|"
    "Angle Grinder|Cordless Drill|Impact Driver|Solar Panel|LED Flood Light|LED Bulb|Inverter|Water Pump|"
    "Soldering Iron|Massager|Induction Cooker|Coffee Maker|Hot Plate|Steam Iron|Heat Gun|Ceiling Light|LED Strip|Motor|"
    "Juicer|Mixer Grinder|Jump Starter"
)
MARKS_ON_PLATES = phrases(
    "CE|FC|RoHS|UL|LISTED|CE RoHS|GS|MADE IN CHINA|Made in China|FOR INDOOR USE ONLY|CAUTION|TÜV|E-Mark|SN: {}|P/N: {}|"
    "LPS|LEVEL VI|I.T.E."
)
_ONSETS = phrases("b|br|c|d|f|g|gl|h|j|k|l|m|n|p|pr|r|s|st|t|v|w|z|ch|tr|")
_NUCLEI = phrases("a|e|i|o|u|ea|io|ee|ou|ai")
_CODAS = phrases("||n|r|l|s|x|nd|ck|m|t")

# Drawn pictures choose from the beginning of some lists only: one entry more would draw another shipped set.
DRAWN_FOODS, DRAWN_LIQUIDS, DRAWN_SLOGANS = FOODS[:12], LIQUIDS[:10], SLOGANS[:8]
DRAWN_TITLES, DRAWN_MATERIALS = SIZE_TITLES[:6], MATERIALS[:6]
JAR_CONTENTS = phrases("Face Cream|Peanut Butter|Hair Mask|Honey|Body Scrub|Apricot Jam|Protein Powder")
BRANDS = phrases(
    "Nordhaven|Olivetta|Bright Acre|Mara & Finn|Sunfold|Tidewater|Karibo|Linden Hill|Aurelle|Pinecrest|Vellano|"
    "Granary Lane|Casa Brava|Moss & Fern|Arctika|Belmonte"
)
"""Of drawn pictures; invented pages spell brands of their own (`brand`)."""


def brand(rng: random.Random) -> str:
    """An invented name, in capitals as often as not."""
    syllables = rng.choices((1, 2, 3), (0.15, 0.65, 0.2))[0]
    word = "".join(rng.choice(_ONSETS) + rng.choice(_NUCLEI) + rng.choice(_CODAS) for _ in range(syllables))
    style = rng.random()
    return word.upper() if style < 0.45 else word.title() if style < 0.85 else word


def decoy(rng: random.Random) -> str:
    """A short text with a number that is no answer to anything."""
    text = rng.choice(DECOYS)
    return text.replace("{}", str(rng.choice((rng.randint(1, 9), rng.randint(1, 99), rng.randint(2, 12)))))


def capitals(rng: random.Random, text: str, share: float = 0.3) -> str:
    """The text, in capitals with this probability."""
    return text.upper() if rng.random() < share else text


def feature(rng: random.Random) -> str:
    """A short claim, in one of the cases that sellers use."""
    return capitals(rng, rng.choice(FEATURES))


def garbage(rng: random.Random) -> str:
    """What an engine makes of a pattern or of tiny print."""
    length = rng.choices((1, 2, 3, 4, 5, 7), (0.22, 0.22, 0.2, 0.16, 0.12, 0.08))[0]
    alphabet = "ABCDEHILMNOPRSTUVWaceinorstu0138" if rng.random() < 0.7 else "0123456789ACEO"
    return "".join(rng.choice(alphabet) for _ in range(length))


def code(rng: random.Random) -> str:
    """A model number."""
    letters = "".join(rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(rng.randint(1, 3)))
    return f"{letters}{rng.choice(('-', '', ''))}{rng.randint(10, 9999)}{rng.choice(('', '', 'A', 'S', 'X', '-2'))}"
