def main():
    print("a program of poetry")
